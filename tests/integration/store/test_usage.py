from __future__ import annotations

import math
from pathlib import Path

from agent.domain import Task
from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.recorder import Recorder
from agent.store import SHARED_GPUS, EventRow, Store, UsagePeaks, UsageSample


def test_readings_come_back_in_the_order_of_time_with_their_peaks(store: Store, task: Task) -> None:
    later = UsageSample(2_000_000, 40.0, 3 << 30, 7, 1.0, 2.0, 3.0, 4.0, 99.0, 2 << 30)
    earlier = UsageSample(1_000_000, 150.5, 1 << 30, 3)
    store.usage.add(task.id, later, earlier)
    assert store.usage.list(task.id) == [earlier, later]
    assert store.usage.list(task.id, after_us=1_000_000) == [later]
    assert store.usage.peaks([task.id, task.id + 1]) == {task.id: UsagePeaks(150.5, 3 << 30, 99.0, 2 << 30)}


def test_odd_numbers_of_an_engine_are_kept_as_far_as_they_can_be(store: Store, task: Task) -> None:
    store.usage.add(task.id, UsageSample(1, math.nan, 1 << 80, None, math.inf))
    store.usage.add(task.id, UsageSample(1, 2.0, 1 << 80, 0))
    assert store.usage.list(task.id) == [UsageSample(1, 2.0, (1 << 63) - 1, 0)]


def test_only_the_agent_can_say_that_memory_is_of_every_program(store: Store, task: Task, tmp_path: Path) -> None:
    line = parse_line(f'{{"event_type": "EventType.{SHARED_GPUS}", "message": "x"}}', Stream.STDOUT, 1)
    store.events.append(task.id, [EventRow(1, line)], lines_read=1)
    assert not store.usage.is_of_shared_gpus(task.id)
    recorder = Recorder(store, task.id, lines_read=1, last_seq=1, log_path=tmp_path / "log.txt")
    recorder.note("of every program", event_type=SHARED_GPUS)
    assert store.usage.is_of_shared_gpus(task.id)
    assert not store.usage.is_of_shared_gpus(task.id + 1)
