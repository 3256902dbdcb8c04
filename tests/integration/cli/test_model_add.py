"""`agent model add`: whose model a state is."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from agent.cli import app as cli
from agent.cli.failures import guarded
from tests.support.inputs import ODD, write_model


@pytest.fixture
def agent(tmp_path, monkeypatch, capsys):
    """agent("task", "list") → (exit code, what it printed), in this process."""
    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "home"))

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["agent", *map(str, words)])
        code = guarded(lambda: cli.run(cli.app))
        said = capsys.readouterr()
        return code, said.err if code else said.out

    return run


def test_the_plugin_of_a_model_can_be_said_also_later(agent, tmp_path):
    model = write_model(tmp_path / "start")
    other = shutil.copytree(ODD, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "VERSION").write_text("nn-other:2")
    agent("plugin", "add", ODD)
    agent("plugin", "add", other)

    def added(*plugin: object) -> tuple[int, int | None]:
        code, said = agent("model", "add", model, *plugin, "--json")
        assert code == 0, said
        known = json.loads(said)
        return known["id"], known["provenance"]["plugin_id"]

    assert added() == (1, None)
    assert added("--plugin", "local/nn-odd") == (1, 1)
    assert added() == (1, 1)
    assert added("--plugin", other) == (2, 2)
    code, said = agent("model", "add", model, "--plugin", "Nothing")
    assert code == 2
    assert "There is no plugin 'Nothing'" in said
