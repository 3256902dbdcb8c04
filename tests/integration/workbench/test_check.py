"""`agent plugin check` on plugins that need nothing but Python, with real processes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.installation import artifacts_of
from agent.run.cancellation import Cancelled
from agent.run.shutdown import Shutdown
from agent.task_options import RequestedOptions
from agent.workbench.check.check import Tell, Wanted, check
from agent.workbench.check.steps import Step
from tests.support.inputs import ODD, Cli, write_project
from tests.support.replayed import opened

OTHERS = ("unpack", "load", "mode-default", "continue", "transfer", "stop", "empty-class", "grey-image", "one-pixel")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})


def checked(cli: Cli, *words: object, code: int = 0) -> dict[str, Any]:
    return json.loads(cli.run("plugin", "check", ODD, *words, "--json", code=code).stdout)


def test_a_plugin_is_run_in_every_step_and_leaves_only_its_certificate(cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = checked(cli, "--project", write_project(tmp_path / "fruit", images=6), "--images", 4, "--html", page)
    states = {step["name"]: step["state"] for step in said["steps"]}
    assert states == {"train": "passed", **dict.fromkeys(OTHERS, "passed"), "seed": "skipped"}
    assert said["passed"]
    assert said["project"]["images"] == 4
    assert {one["code"] for step in said["steps"] for one in step["findings"]} == {"no-class-mapping", "began-anew"}
    assert len(said["plugin"]["content_sha256"]) == 64
    stop = next(step for step in said["steps"] if step["name"] == "stop")
    assert stop["figures"]["seconds_to_stop"] < 15
    assert "A short training" in page.read_text()
    assert json.loads(cli.run("task", "list", "--json").stdout) == []
    assert json.loads(cli.run("plugin", "list", "--json").stdout) == []
    assert list((cli.home / "half").glob("check-*")) == []


def test_a_training_that_fails_is_named_and_what_needs_it_is_skipped(cli: Cli, tmp_path: Path) -> None:
    said = checked(cli, "--set", "behaviour=leave", code=1)
    (train, *rest) = said["steps"]
    assert (train["name"], train["state"]) == ("train", "failed")
    assert "the learning rate is not a number" in train["findings"][0]["said"]
    assert {(step["state"], step["why"]) for step in rest} == {("skipped", "the training failed")}
    assert (said["passed"], said["faults"]) == (False, 1)


def test_the_certificate_of_a_known_plugin_is_kept(cli: Cli) -> None:
    number = json.loads(cli.run("plugin", "add", ODD, "--json").stdout)["id"]
    said = checked(cli, "--static")
    with opened(cli.home) as installation:
        kept = installation.store.plugin_checks.get(number)
        assert kept.certificate == said
        assert kept.certificate["plugin"]["content_sha256"] == installation.store.plugins.get(number).content_sha256
        whole = {**said, "steps": [{"name": "train", "state": "passed"}]}
        installation.store.plugin_checks.put(number, whole)
    checked(cli, "--static")
    with opened(cli.home) as installation:
        assert installation.store.plugin_checks.get(number).certificate == whole, "a look at the folder says less"


def test_an_interrupted_check_certifies_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    shutdown, ended = Shutdown(), []

    def after_the_first(step: Step) -> None:
        ended.append(step.name)
        shutdown.stop_tasks()

    with opened(tmp_path / "home") as installation, pytest.raises(Cancelled):
        check(
            replace(installation, artifacts=artifacts_of(installation.settings)),
            Wanted(folder=ODD, options=RequestedOptions(engine="process")),
            tell=Tell(ended=after_the_first),
            shutdown=lambda: shutdown,
        )
    assert ended in (["train"], ["train", "unpack"])
    assert list((tmp_path / "home").glob("half/check-*")) == []


def test_the_process_of_a_check_that_was_killed_is_removed_by_the_next_cleanup(cli: Cli, tmp_path: Path) -> None:
    project = write_project(tmp_path / "fruit", images=4)
    killed = cli.start("plugin", "check", ODD, "--project", project, "--set", "behaviour=sleep")
    deadline = time.monotonic() + 120
    while not (pids := [file for file in (cli.home / "processes").glob("*/pid") if file.read_text()]):
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with killed:  # its pipes are closed
        killed.kill()
    plugin = psutil.Process(int(pids[0].read_text()))
    assert plugin.is_running()

    assert "check of a plugin" in cli.run("clean", "--dry-run").stdout
    cli.run("clean")
    plugin.wait(30)
    assert not list((cli.home / "processes").glob("*/pid"))
    assert "check of a plugin" not in cli.run("clean", "--dry-run").stdout
    assert not list((cli.home / "private").glob("*"))


def test_only_the_folder_is_looked_at_where_that_is_asked_for(cli: Cli) -> None:
    assert checked(cli, "--static")["steps"] == []


def test_a_folder_that_is_no_project_is_refused_in_a_sentence(cli: Cli, tmp_path: Path) -> None:
    (write_project(tmp_path / "fruit") / "meta.json").unlink()
    said = cli.run("plugin", "check", ODD, "--project", tmp_path / "fruit", code=2).stderr
    assert "has no meta.json" in said
    assert "Traceback" not in said


def test_a_folder_that_is_no_plugin_fails_with_its_problems(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = cli.run("plugin", "check", tmp_path / "none", code=1)
    assert "plugin_info.json" in done.stdout
    assert "Failed" in done.stdout
