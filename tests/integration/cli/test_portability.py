"""`agent task portability`, `agent plugin portability`, and `--strict`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.artifacts import open_artifacts
from agent.store import open_store
from tests.support.inputs import COUNTED, Cli, write_project
from tests.support.training import Training


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return Path(shutil.copytree(COUNTED, tmp_path / "plugin", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_task_is_told_what_its_lines_would_do_there(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {})
    (tmp_path / "home").mkdir()
    with open_store(f"sqlite:///{tmp_path / 'home' / 'store.db'}") as store:
        training = Training(store, open_artifacts(str(tmp_path / "home" / "artifacts")))
        training.report(best=True)
        training.report(best=False)
        seq = training.story.say("checkpoint", event_type="EventType.CHECKPOINT", subdir="/sly_task_data/results/1")
        training.story.flush()

    report = cli.json("task", "portability", training.id, "--json")
    found = {one["code"]: (one["level"], one["where"], one["evidence"]) for one in report["differences"]}
    assert found["absolute-subdir"] == ("breaks", f"line {seq}", "task.md 4")
    assert found["only-last-checkpoint"][0] == "differs"
    assert report["lines_read"] == report["lines"]
    assert "docs/contract/task.md 4" in cli.run("task", "portability", training.id).stdout
    cli.run("task", "portability", training.id, "--strict", code=1)


def test_a_plugin_folder_is_read_and_not_run(tmp_path: Path, plugin: Path) -> None:
    cli = Cli(tmp_path / "home", {})
    before = {one["code"] for one in cli.json("plugin", "portability", plugin, "--json", "--strict")["differences"]}
    (plugin / "src" / "train.py").write_text("import supervisely\nraise SystemExit('run')\n")
    after = cli.json("plugin", "portability", plugin, "--json", "--strict", code=1)
    assert {one["code"] for one in after["differences"]} - before == {"later-package"}


def test_strict_refuses_before_the_start_and_says_at_the_end_what_the_run_shows(tmp_path: Path, plugin: Path) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    project = write_project(tmp_path / "fruit")
    words = ("submit-train", "--plugin", plugin, "--project", project, "--strict")

    refused = cli.run(*words, "--env", "A=1", code=2)
    assert "option env: The task is given the environment variable A." in refused.stderr
    assert cli.json("task", "list", "--json") == []

    line = json.dumps({"event_type": "EventType.METRICS", "type": "val", "epoch": 1, "metrics": {"a": 1}})
    train = plugin / "src" / "train.py"
    train.write_text(f"print({line!r})\n{train.read_text()}")
    done = cli.run(*words, "--set", "lines=1", "--set", "checkpoint_every=1", code=1)
    assert "An event without message is read. There: A line without message is plain text" in done.stderr
    assert [one["status"] for one in cli.json("task", "list", "--json")] == ["finished"]
