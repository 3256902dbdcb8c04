"""What lines nearly were, in the terminal and over REST."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from agent.artifacts import open_artifacts
from agent.cli.follow import Watch
from agent.store import open_store
from tests.support.inputs import Cli
from tests.support.training import Training

LINES = ["text", "{'event_type': 'EventType.METRICS', 'epoch': 1}", "{'event_type': 'EventType.METRICS', 'epoch': 2}"]


class Told(NamedTuple):
    task_id: int
    seq: int  # of the first line that is nearly an event


@pytest.fixture
def told(tmp_path: Path) -> Told:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        training = Training(store, open_artifacts(str(tmp_path / "artifacts")))
        before = training.story.seq
        for line in LINES:
            training.story.raw(line)
        training.story.flush()
        return Told(training.id, before + 2)


def test_the_log_says_it_below_the_line_and_the_task_sums_it_up(tmp_path: Path, told: Told) -> None:
    cli = Cli(tmp_path, {})

    said = cli.run("task", "logs", told.task_id).stdout.splitlines()[told.seq - 2 :]
    assert said[1].endswith(LINES[1])
    assert said[2].strip() == "nearly a METRICS event, but it is a Python dict: its quotes are single"
    assert said[3].strip().startswith("Print json.dumps(record)")
    assert cli.run("task", "logs", told.task_id, "--raw").stdout.splitlines()[-3:] == LINES
    [near] = cli.json("task", "show", told.task_id, "--json")["near_misses"]
    assert (near["kind"], near["count"], near["first_seq"]) == ("single_quotes", 2, told.seq)
    assert f"2 lines from line {told.seq} on: a METRICS event" in cli.run("task", "show", told.task_id).stdout


def test_a_follower_is_told_each_kind_once(tmp_path: Path, told: Told) -> None:
    console = Console(file=io.StringIO(), width=200)
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        watch = Watch(store, told.task_id, console, gone=lambda: True)
        watch.until_end()
        watch.until_end()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count(f"line {told.seq} is nearly a METRICS event") == 1
