"""Series kept between requests: each point is read once, and memory is bounded."""

from __future__ import annotations

from typing import cast

import pytest

from agent.store import Store
from tests.support.demo_store import fill_library, new_task, start
from web_stub.charts.cache import PointsCache


@pytest.fixture
def series(store: Store, artifacts) -> list[int]:
    """Four series of a thousand points."""
    story = start(store, new_task(store, fill_library(store, artifacts), "fruit"))
    for step in range(1000):
        story.metrics("train", step / 100, a=step, b=step, c=step, d=step)
    story.flush()
    return [found.id for found in store.metrics.series(story.task_id)]


class Counting:
    """The store's metrics; counts how often a whole series is read."""

    def __init__(self, store: Store) -> None:
        self.metrics = self
        self.read: list[int] = []
        self._metrics = store.metrics

    def points_arrays(self, series_id: int):
        self.read.append(series_id)
        return self._metrics.points_arrays(series_id)

    def points(self, series_id: int, **more):
        return self._metrics.points(series_id, **more)


def test_the_series_used_longest_ago_is_read_again_when_memory_is_short(store: Store, series: list[int]) -> None:
    counting = Counting(store)
    cache = PointsCache(cast(Store, counting), limit_bytes=3 * 1000 * 32)  # room for three
    for asked in (*series[:3], series[0], series[3], series[0], series[1]):
        assert len(cache.read(asked)[0]) == 1000

    assert counting.read == [*series[:3], series[3], series[1]]


def test_a_series_larger_than_all_memory_is_kept_alone(store: Store, series: list[int]) -> None:
    counting = Counting(store)
    cache = PointsCache(cast(Store, counting), limit_bytes=1000)
    for asked in (series[0], series[0], series[1], series[0]):
        assert len(cache.read(asked)[0]) == 1000

    assert counting.read == [series[0], series[1], series[0]]
