from __future__ import annotations

from itertools import pairwise

import pytest

from agent.engines.gpus import GpuUse
from agent.engines.usage import Usage
from agent.run.usage import is_kept_now, pause_s, sample_of
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
