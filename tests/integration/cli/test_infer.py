"""`agent infer`: which model it means, before any web is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli import app as cli
from agent.cli.failures import guarded
from tests.support.inputs import write_model

Agent = Callable[..., tuple[int, str]]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Agent:
    """agent("infer", …) → (exit code, what it says)."""
    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENT_WEB_PORT", "1")

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["agent", *map(str, words)])
        code = guarded(lambda: cli.run(cli.app))
        return code, capsys.readouterr().err

    return run


def test_a_model_is_named_as_everywhere(agent: Agent, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"x")
    agent("model", "add", write_model(tmp_path / "start"), "--name", "start")
    for name, words in (
        ("start", "no web answers"),
        ("1", "no web answers"),
        ("7", "no model 7"),
        ("task:1/best", "no task 1"),
        ("task:1/bst", "names no checkpoint"),
        ("none", "no model named"),
    ):
        code, said = agent("infer", "--model", name, image)
        assert code == 2
        assert words.lower() in said.lower()


def test_a_mode_is_json_or_a_file(agent: Agent, tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"x")
    for mode, words in (
        ("{", "is no JSON"),
        ("full_image", 'cannot be read: No such file or directory; JSON begins with a brace: {"name": "full_image"}'),
    ):
        code, said = agent("infer", "--model", "1", "--mode", mode, image)
        assert (code, words in said) == (2, True), said
