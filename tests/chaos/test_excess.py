"""Plugins that use too much, full disks, databases that other processes hold or have damaged."""

from __future__ import annotations

import hashlib
import os
import resource
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from agent.artifacts import open_artifacts
from agent.domain import CheckpointState, TaskStatus
from agent.store import open_store
from tests.chaos.audit import end_runs_of
from tests.support.inputs import HUNGRY, Cli, write_model, write_project

pytestmark = pytest.mark.chaos


@pytest.fixture(autouse=True)
def nothing_left_running(tmp_path):
    yield
    end_runs_of(tmp_path)


@pytest.fixture
def cli(tmp_path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})


@pytest.fixture
def inputs(tmp_path):
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    return ("--plugin", HUNGRY, "--project", project, "--model", model)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "small", place], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    ("what", "behaviour", "guarded"),
    [
        pytest.param("TASKS_DIR", "fill_folder", True, id="task folder"),
        pytest.param("ARTIFACTS_URL", "fill_artifacts", True, id="artifacts"),
        pytest.param("ARTIFACTS_URL", "fill_artifacts", False, id="artifacts, to the last byte"),
        pytest.param("HOME", "fill_log", True, id="everything"),
    ],
)
def test_a_disk_that_fills_up_ends_the_task_and_harms_nothing(
    cli, inputs, small_disk, tmp_path, what, behaviour, guarded
):
    where = small_disk / "here"
    home = where if what == "HOME" else cli.home
    env = {**cli.env, "AGENT_MIN_FREE": "16M" if guarded else "0"}
    if what != "HOME":
        env[f"AGENT_{what}"] = str(where)
    tight = Cli(home, env)
    done = tight.run("submit-train", *inputs, "--set", f"behaviour={behaviour}", "--set", "slowly=1", code=None)

    assert done.returncode == 5, done.stderr
    task = tight.json("task", "show", 1)
    assert (task["status"], task["reason"]) == ("error", "disk_full"), task["message"]
    assert "space" in task["message"]
    with open_store(f"sqlite:///{home / 'store.db'}") as store:
        artifacts = open_artifacts(env.get("AGENT_ARTIFACTS_URL", str(home / "artifacts")))
        published = [c for c in store.checkpoints.list(1) if c.state is CheckpointState.PUBLISHED]
        assert published
        for checkpoint in published:
            assert checkpoint.model_id is not None
            model = store.models.get(checkpoint.model_id)
            with artifacts.open(model.sha256) as tar:
                assert hashlib.file_digest(cast(Any, tar), "sha256").hexdigest() == model.sha256
        assert not [c for c in store.checkpoints.list(1) if c.state is CheckpointState.SNAPSHOT]
        last = store.events.after(1, newest_first=True, limit=1)[0]
        assert last.fields is not None
        assert (last.event_type, last.fields["reason"]) == ("TASK_CRASHED", "disk_full")


def test_a_database_without_room_for_the_end_gets_it_when_there_is_room(inputs, small_disk):
    """On a full disk the end cannot be recorded; the next agent records it later."""
    tight = Cli(small_disk / "here", {"AGENT_ENGINE": "process", "AGENT_MIN_FREE": "0"})
    done = tight.run("submit-train", *inputs, "--set", "behaviour=fill_log", code=5)
    assert "full" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=512m", small_disk], check=True)
    assert tight.json("task", "show", 1)["lost"] is True
    tight.run("run", "--task", 1, code=None)
    with open_store(f"sqlite:///{small_disk / 'here' / 'store.db'}") as store:
        assert store.tasks.get(1).status is TaskStatus.ERROR
        seq, numbers = 0, []
        while page := store.events.after(1, seq):
            numbers += [int(event.raw.split()[0]) for event in page if event.raw[:1].isdigit()]
            seq = page[-1].seq
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 1000


def test_a_checkpoint_every_100_ms_that_is_deleted_at_once_is_kept_each_time(cli, inputs):
    task = cli.json("submit-train", *inputs, "--set", "count=30")
    assert [c["state"] for c in task["checkpoints"]] == ["published"] * 30
    models = [cli.json("model", "show", task["checkpoints"][index]["model_id"])["model"] for index in (0, 29)]
    artifacts = open_artifacts(str(cli.home / "artifacts"))
    for index, model in zip((0, 29), models, strict=True):
        with artifacts.open(model["sha256"]) as file, tarfile.open(fileobj=file) as tar:
            weights = tar.extractfile("model.pt")
            assert weights is not None
            assert weights.read(8) == b"%08d" % index


def test_a_line_of_100_mb_costs_no_memory_and_hides_nothing(cli, inputs):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KiB, of the largest child of any test so far
    task = cli.json("submit-train", *inputs, "--set", "behaviour=long_line", "--set", "count=100")
    assert (task["status"], len(task["checkpoints"])) == ("finished", 1)
    raw = cli.run("task", "logs", task["id"], "--raw").stdout.splitlines()
    assert "dropped" in raw[0]
    assert len(raw[0]) < 2_000_000
    assert raw[1] == "after the long line"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(600_000, before + 1)


def test_output_without_pause_arrives_line_by_line(cli, inputs):
    task = cli.json("submit-train", *inputs, "--set", "behaviour=flood", "--set", "count=300000")
    assert (task["status"], task["lines_read"]) == ("finished", 300_001)
    with open_store(f"sqlite:///{cli.home / 'store.db'}") as store:
        seq, number = 0, 0
        while page := store.events.after(task["id"], seq, limit=10_000, text="line "):
            for event in page:
                if event.raw.startswith("line "):
                    assert event.raw == f"line {number}"
                    number += 1
            seq = page[-1].seq
    assert number == 300_000


def test_a_database_that_another_process_holds_delays_a_task_and_loses_nothing(cli, inputs):
    """The other process releases the database after the task has waited for a while."""
    process = cli.start("submit-train", *inputs, "--set", "count=20")
    for line in process.stderr:
        if "checkpoint 3" in line:
            break
    other = sqlite3.connect(cli.home / "store.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    threading.Event().wait(11)  # longer than the store's own timeout
    other.execute("COMMIT")
    other.close()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert [c["state"] for c in cli.json("task", "checkpoints", 1)] == ["published"] * 20


def test_a_damaged_database_is_reported_and_not_changed(cli, inputs):
    cli.run("task", "list")
    database = cli.home / "store.db"
    damaged = b"this is no database" * 1000
    database.write_bytes(damaged)
    for command in (("task", "list"), ("submit-train", *inputs)):
        done = cli.run(*command, code=5)
        assert str(database) in done.stderr
        assert "damaged" in done.stderr
    assert database.read_bytes() == damaged
