"""Housekeeping: rounds do not overlap; no name of a folder stops it; a chore that fails does not stop other chores."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from agent.artifacts import open_artifacts
from agent.domain import NewModel, NewProject, NewTask, TaskStatus, TaskType
from agent.errors import StorageFailed
from agent.installation import Installation
from agent.library.usage import measure
from agent.maintenance import housekeeping as module
from agent.maintenance.cleanup import find_orphans
from agent.maintenance.housekeeping import RETRY_S, ROUND_S, Housekeeping
from agent.maintenance.retention import find_expired
from agent.settings import Settings
from agent.store import open_store
from tests.support.inputs import Cli

ODD_NAMES = ("².shadow", "²", "٣", "٣.snapshots", "9" * 200, "07", ".shadow", "1e3", "-1.shadow")


class Clock:
    """A clock that moves only when the test moves it."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Now(Executor):
    """An executor that runs each call at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **named))
        except BaseException as error:  # as in a pool, the future holds the exception
            future.set_exception(error)
        return future


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def installation(tmp_path):
    settings = Settings(home=tmp_path / "home", engine="process", keep_task_dirs_days=0, keep_logs_days=0)
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def orphan(installation):
    """A leftover folder of an ended task."""
    store = installation.store
    plugin = store.plugins.put(
        title="Net", description="", type="architecture", image="local/net", tag="1", modes=["train"], readme="",
        configs=[], image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
    model = store.models.add(NewModel("start", "1" * 64, 10, {}))
    task = store.tasks.add(NewTask(TaskType.TRAIN, "net", plugin.id, project.id, model.id, {}))
    store.tasks.become(task.id, TaskStatus.STOPPED)
    folder = installation.settings.tasks / f"{task.id}.shadow"
    folder.mkdir(parents=True)
    return folder


def test_folders_that_are_named_for_no_task_end_nothing_and_stay(installation, orphan):
    root = installation.settings.tasks
    for name in ODD_NAMES:
        (root / name / "logs").mkdir(parents=True)
    (root / "5").write_text("a file where a task folder would be")
    (installation.settings.home / "logs").mkdir()
    (installation.settings.home / "logs" / "agent-task-².log").write_text("")

    assert [one.name for one in find_orphans(installation)] == [str(orphan)]
    assert [one.name for one in find_expired(installation)] == [str(orphan)]
    assert measure(installation.store, installation.artifacts, installation.settings).folders_bytes >= 0
    Housekeeping(installation).round()

    assert {entry.name for entry in root.iterdir()} == {*ODD_NAMES, "5"}
    assert (installation.settings.home / "images.json").exists()


def test_every_command_is_untouched_by_such_folders(installation, orphan):
    for name in ODD_NAMES:
        (installation.settings.tasks / name).mkdir()
    cli = Cli(installation.settings.home, {"AGENT_ENGINE": "process", "AGENT_WEB_PORT": "0"})

    (warning,) = [f for f in cli.json("doctor", code=3)["findings"] if f["about"] == "leftovers"]
    assert warning["said"] == "1 folder of ended tasks is left"
    assert [entry["name"] for entry in cli.json("clean")] == [str(orphan)]
    assert cli.json("retention") == []


def test_rounds_come_after_a_pause_and_never_overlap(installation, clock, monkeypatch):
    begun, go_on, count = threading.Semaphore(0), threading.Event(), []

    def wait_and_count(housekeeping):
        count.append(threading.active_count())
        begun.release()
        assert go_on.wait(60)

    monkeypatch.setattr(Housekeeping, "round", wait_and_count)
    housekeeping = Housekeeping(installation)
    with ThreadPoolExecutor(4) as pool:
        housekeeping.start_round_when_due(pool)
        assert begun.acquire(timeout=60)
        clock.now_s += 10 * ROUND_S
        for _ in range(5):
            housekeeping.start_round_when_due(pool)
        assert len(count) == 1
        go_on.set()
        assert housekeeping._round is not None
        housekeeping._round.result(60)
        housekeeping.start_round_when_due(pool)
        assert begun.acquire(timeout=60)
        housekeeping._round.result(60)
        housekeeping.start_round_when_due(pool)
    assert len(count) == 2


@pytest.mark.parametrize(
    "error", [ValueError("a mistake of ours"), StorageFailed("The store is away."), OSError(5, "x")]
)
def test_a_chore_that_fails_is_logged_and_tried_again_and_stops_no_other(
    installation, orphan, clock, monkeypatch, caplog, error
):
    failures = [error]

    def fail_once(given):
        if failures:
            raise failures.pop()
        return find_orphans(given)

    monkeypatch.setattr(module, "find_orphans", fail_once)
    housekeeping = Housekeeping(installation)
    with caplog.at_level(logging.WARNING, "agent"):
        housekeeping.start_round_when_due(Now())
    assert orphan.parent.exists()
    assert str(error) in caplog.text
    assert f"next try in {RETRY_S:.0f} s" in caplog.text
    assert (installation.settings.home / "images.json").exists()

    orphan.mkdir(exist_ok=True)  # the retention policy of the same round has taken it
    clock.now_s += ROUND_S
    housekeeping.start_round_when_due(Now())
    assert orphan.exists()
    clock.now_s += RETRY_S
    housekeeping.start_round_when_due(Now())
    assert not orphan.exists()


def test_the_failure_of_a_round_is_logged_and_the_next_one_comes(installation, clock, monkeypatch, caplog):
    rounds = []

    def fail(housekeeping):
        rounds.append(1)
        raise RuntimeError("no round at all")

    monkeypatch.setattr(Housekeeping, "round", fail)
    housekeeping = Housekeeping(installation)
    for _ in range(2):
        housekeeping.start_round_when_due(Now())
        clock.now_s += ROUND_S
    assert "no round at all" in caplog.text
    assert len(rounds) == 2


def test_an_orphan_that_cannot_be_removed_is_tried_again_after_an_hour(installation, orphan, clock, monkeypatch):
    tried = []

    def refuse(path):
        tried.append(path)
        return [path]

    monkeypatch.setattr("agent.maintenance.removable.remove_tree", refuse)
    housekeeping = Housekeeping(installation)
    for _ in range(2):
        housekeeping.sweep()
    assert len(tried) == 2  # before and after its owner was given it back
    clock.now_s += 3601
    housekeeping.sweep()
    assert len(tried) == 4
