"""What placing costs: transactions and submissions grow with portions, not with tasks, whatever the cluster does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.clusters import ClusterUnavailable, JobRequest, JobState
from agent.clusters.placing import AT_ONCE, PORTION
from agent.domain import Task
from agent.store.connect import Database
from tests.integration.clusters.test_controller import Bench, bench  # noqa: F401 - a fixture

MANY = 200


class Counted:
    """Transactions of all stores while the block runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = self.written = 0
        monkeypatch.setattr(Database, "reading", self._counting("read", Database.reading))
        monkeypatch.setattr(Database, "writing", self._counting("written", Database.writing))

    def _counting(self, what: str, real: Any) -> Callable[..., Any]:
        @contextmanager
        def counted(database: Database, **given: Any) -> Iterator[Any]:
            setattr(self, what, getattr(self, what) + 1)
            with real(database, **given) as connection:
                yield connection

        return counted

    def during(self, act: Callable[[], object]) -> tuple[int, int]:
        """Transactions that read and that write."""
        read, written = self.read, self.written
        act()
        return self.read - read, self.written - written


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def queue(bench: Bench, count: int) -> list[Task]:  # noqa: F811
    return [bench.queue() for _ in range(count)]


def test_placing_and_following_many_tasks_takes_few_transactions(bench: Bench, counted: Counted) -> None:  # noqa: F811
    bench.cluster.most_jobs = 10 * MANY
    controller = bench.take_control()
    queue(bench, MANY)
    portions = -(-MANY // (PORTION * bench.cluster.at_once))
    read, written = counted.during(controller.place)
    assert len(bench.cluster.jobs) == MANY
    assert written == 2 * portions
    assert read <= portions + 3
    assert counted.during(controller.follow)[1] == 1  # every job says why it waits
    for job in bench.cluster.in_state(JobState.WAITING):
        bench.cluster.start(job)
    assert counted.during(controller.follow)[1] == 1
    few = counted.during(controller.follow)
    queue(bench, MANY)
    controller.place()
    controller.follow()
    assert counted.during(controller.follow) == few  # however many run
    assert few[1] == 0


def test_a_queue_that_waits_for_room_is_not_read(bench: Bench, counted: Counted) -> None:  # noqa: F811
    bench.cluster.most_jobs = 2
    controller = bench.take_control()
    queue(bench, 5)
    controller.place()
    assert counted.during(controller.place) == (1, 0)


def test_a_long_queue_is_placed_in_turns_between_which_jobs_are_looked_at(bench: Bench) -> None:  # noqa: F811
    bench.cluster.most_jobs = 10 * AT_ONCE
    controller = bench.take_control()
    queue(bench, AT_ONCE + 3)
    assert controller.place()
    assert len(bench.cluster.jobs) == AT_ONCE
    assert not controller.place()
    assert len(bench.cluster.jobs) == AT_ONCE + 3


def test_a_cluster_is_asked_for_several_jobs_at_the_same_time(
    bench: Bench,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together, submit = threading.Barrier(4, timeout=20), bench.cluster.submit
    lock = threading.Lock()

    def waits_for_others(request: JobRequest) -> str:
        together.wait()
        with lock:
            return submit(request)

    monkeypatch.setattr(bench.cluster, "submit", waits_for_others)
    bench.cluster.at_once = 4
    controller = bench.take_control()
    tasks = queue(bench, 8)
    controller.place()
    assert [bench.store.placements.of_task(task.id)[0].state for task in tasks] == ["waiting"] * 8


def test_jobs_that_were_never_submitted_are_so_at_the_next_look(bench: Bench) -> None:  # noqa: F811
    """The cluster fell silent about the first of a portion."""
    controller = bench.take_control()
    controller._unknown_s = 1e9  # what was heard may come up for ever so long
    tasks = queue(bench, 3)
    bench.cluster.hears_and_is_silent = True
    with pytest.raises(ClusterUnavailable):
        controller.place()
    assert len(bench.cluster.jobs) == 1
    bench.cluster.hears_and_is_silent = False
    controller.follow()
    assert [request.task_id for request in bench.cluster.requests.values()] == [task.id for task in tasks]


def test_an_agent_that_is_quicker_than_the_answer_to_its_submission_keeps_what_it_said(
    bench: Bench,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = bench.cluster.submit

    def begins_at_once(request: JobRequest) -> str:
        job = submit(request)
        bench.store.placements.claim(request.task_id, request.number, "agent:1:a", job=job, node="n1")
        return job

    monkeypatch.setattr(bench.cluster, "submit", begins_at_once)
    task, controller = bench.queue(), bench.take_control()
    controller.place()
    (placement,) = bench.store.placements.of_task(task.id)
    assert (placement.state, placement.node) == ("running", "n1")
