"""`agent project insights` says what the page of a project says, without a web."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.cli import app as cli
from agent.cli.failures import guarded
from agent.settings import Settings
from agent.store import open_store
from tests.support.labeled_project import fields

Agent = Callable[..., tuple[int, str]]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Agent:
    """agent("project", …) → (exit code, what it prints), of an installation with the project `Fields`."""
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(home=home)
    with open_store(settings.store) as store:
        fields(store, open_artifacts(settings.artifacts))
    monkeypatch.setenv("AGENT_HOME", str(home))

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["agent", *map(str, words)])
        code = guarded(lambda: cli.run(cli.app))
        read = capsys.readouterr()
        return code, read.out + read.err

    return run


def test_what_the_data_says_is_printed(agent: Agent) -> None:
    code, said = agent("project", "insights", "Fields")

    assert code == 0
    assert "3 images: train 2, neither 1" in said
    assert "Class plot on one image" in said
    assert "Images without labels" in said
    assert "3 images of 3 nearly equal to another one" in said  # all are grey


def test_programs_get_the_answers_of_rest(agent: Agent) -> None:
    _, with_pictures = agent("project", "insights", 1, "--json", "--limit", 1)
    _, without = agent("project", "insights", 1, "--json", "--no-pictures")
    said = json.loads(with_pictures)

    assert said["insights"] == json.loads(without)["insights"]
    assert json.loads(without)["near"] is None
    assert (said["near"]["total"], len(said["near"]["items"])) == (2, 1)


def test_a_project_that_is_not_there_is_said(agent: Agent) -> None:
    code, said = agent("project", "insights", 77)

    assert code == 2
    assert "77" in said
