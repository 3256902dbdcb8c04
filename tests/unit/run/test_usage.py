from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

import agent.run.usage
from agent.engines.gpus import Gpus, GpuUse
from agent.engines.usage import Usage
from agent.run.usage import is_kept_now, measuring, pause_s, sample_of
from agent.store import UsageSample


def test_rates_are_of_the_time_between_two_readings() -> None:
    before = Usage(10.0, 500, 3, 1000, 100, 0, 4096)
    now = Usage(15.0, 700, 4, 3000, 100, 8192, 4096)
    assert sample_of(before, now, 2.0, GpuUse(180.0, 9), 77) == UsageSample(
        77, 250.0, 700, 4, 1000.0, 0.0, 4096.0, 0.0, 180.0, 9
    )


def test_what_is_not_known_stays_so_and_a_count_that_has_fallen_rests() -> None:
    sample = sample_of(Usage(10.0, 500, 3, written_bytes=9), Usage(4.0, 50, 1, written_bytes=2), 1.0, None, 1)
    assert sample == UsageSample(1, 0.0, 50, 1, written_per_s=0.0)


def test_readings_become_rarer_with_the_length_of_a_task() -> None:
    def readings(until_s: float) -> list[float]:
        moments = [0.0]
        while moments[-1] < until_s:
            moments.append(moments[-1] + pause_s(moments[-1]))
        return moments

    moments = readings(2 * 3600)
    pauses = [pause_s(moment) for moment in moments]
    assert moments[1] == 1.0
    assert all(earlier <= later <= 60 for earlier, later in pairwise(pauses))
    assert len(moments) < 300
    assert len(readings(7 * 86_400)) < 10_400


@pytest.mark.parametrize("ran_s", [5.0, 100.0, 1e6])
def test_a_silent_task_writes_at_most_every_fifth_second(ran_s: float) -> None:
    assert pause_s(ran_s) >= 5.0


PAUSE_S = 1e-3


@dataclass
class Machine:
    """Readings, one after the other, and then none. `pass_s` lets time pass on its clock while it is asked."""

    readings: list[Callable[[], Usage | None]]
    gpus: Any = field(default_factory=lambda: Gpus(None))
    now_s: float = 0.0
    kept: list[UsageSample] = field(default_factory=list)
    asked: int = 0
    all_asked: threading.Event = field(default_factory=threading.Event)
    notes: int = 0

    def clock(self) -> float:
        self.now_s += PAUSE_S / 10
        return self.now_s

    def pass_s(self, seconds: float, usage: Usage) -> Usage:
        self.now_s += seconds
        return usage

    def usage(self, *, with_pids: bool = False) -> Usage | None:
        self.asked += 1
        if self.asked > len(self.readings):
            self.all_asked.set()
            return None
        return self.readings[self.asked - 1]()

    def add(self, _: int, *samples: UsageSample) -> None:
        self.kept += samples

    def note(self) -> None:
        self.notes += 1

    @contextmanager
    def measured(self) -> Iterator[None]:
        store: Any = SimpleNamespace(usage=self)
        container: Any = self
        with measuring(
            container, lambda: self.gpus, store, 1,
            on_shared_gpus=self.note, pause=lambda ran_s: PAUSE_S, clock=self.clock,
        ):  # fmt: skip
            yield

    def memory_kept(self) -> list[int | None]:
        """Measured until every reading was asked for: the memory of each sample that is kept."""
        with self.measured():
            assert self.all_asked.wait(60)
        return [sample.memory_bytes for sample in self.kept]


def of(memory_bytes: int) -> Usage:
    return Usage(0.0, memory_bytes, 1, pids=(7,))


def test_a_reading_that_arrives_when_the_next_one_is_due_is_left_out_with_its_rates() -> None:
    machine = Machine([lambda: of(1), lambda: of(2), lambda: machine.pass_s(1.0, of(3)), lambda: of(4), lambda: of(5)])
    assert machine.memory_kept() == [2, 5]  # the fourth has nothing before it


def test_a_reading_that_arrives_after_the_end_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def hangs() -> Usage:
        asked.set()
        assert may_answer.wait(60)
        return of(2)

    machine = Machine([lambda: of(1), hangs])
    with machine.measured():
        assert asked.wait(60)
        (reader,) = [thread for thread in threading.enumerate() if thread.name == "usage-1"]
        monkeypatch.setattr(agent.run.usage, "_END_S", 0.0)
    may_answer.set()
    reader.join(60)
    assert not reader.is_alive()
    assert machine.kept == []


def fails() -> Usage:
    raise ZeroDivisionError


def test_no_failure_of_a_reading_reaches_the_run_and_the_next_readings_come() -> None:
    assert Machine([fails, lambda: of(1), fails, lambda: of(2), lambda: of(3)]).memory_kept() == [3]

    class Full(Machine):
        def add(self, _: int, *samples: UsageSample) -> None:
            super().add(_, *samples)
            raise ZeroDivisionError

    assert Full([lambda: of(1), lambda: of(2), lambda: of(3)]).memory_kept() == [2, 3]


def test_a_machine_that_gives_no_thread_runs_its_task_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    machine = Machine([])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with machine.measured():
        pass
    assert machine.asked == 0


@dataclass
class Told:
    """GPUs that answer one after the other."""

    uses: Iterator[GpuUse]
    are_there: bool = True

    def use(self, pids: object) -> GpuUse:
        return next(self.uses)


@pytest.mark.parametrize(
    ("uses", "memory", "notes"),
    [
        ([GpuUse(1, 10), GpuUse(1, 20), GpuUse(1, None, 99), GpuUse(1, None), GpuUse(1, 0)], [20, None, None, 0], 0),
        ([GpuUse(1, None), GpuUse(1, None, 90), GpuUse(1, None, 95), GpuUse(1, 5)], [90, 95, None], 1),
    ],
)
def test_memory_of_other_programs_is_never_among_that_of_the_task_and_is_noted_once(
    uses: list[GpuUse], memory: list[int | None], notes: int
) -> None:
    machine = Machine([lambda: of(1)] * len(uses), Told(iter(uses)))
    machine.memory_kept()
    assert [sample.gpu_memory_bytes for sample in machine.kept] == memory
    assert {sample.gpu_percent for sample in machine.kept} == {1}
    assert machine.notes == notes


def test_readings_of_a_new_task_are_kept_at_once_and_later_together() -> None:
    moment, oldest, writes = 0.0, None, []
    while moment < 3600:
        moment += pause_s(moment)
        oldest = moment if oldest is None else oldest
        if is_kept_now(moment, oldest):
            writes.append(moment)
            oldest = None

    pauses = [(later, later - earlier) for earlier, later in pairwise(writes)]
    assert all(pause <= 5 for moment, pause in pauses if moment < 20)
    assert all(10 <= pause <= 60 for moment, pause in pauses if moment > 40)
