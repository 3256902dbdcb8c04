"""charts/distance.py: a long series of an ended task is drawn from summaries, and nothing is hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.domain import TaskStatus
from agent.events.model import Event, Level, Metrics, Stream
from agent.store import EventRow, Series, Store
from tests.support.demo_store import fill_library, new_task, start
from web_stub.charts import curves as curves_module
from web_stub.charts.cache import PointsCache
from web_stub.charts.curves import Curves, Look
from web_stub.charts.downsample import chart

POINTS = 30_000


@pytest.fixture(autouse=True)
def _short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves_module, "_LEAST", 1000)


def ended(store: Store, artifacts: Any, epochs: np.ndarray, **series: np.ndarray) -> dict[str, Series]:
    """A task with these series that has ended, its points packed."""
    story = start(store, new_task(store, fill_library(store, artifacts), "fruit"))
    for at in range(0, len(epochs), 4000):
        rows = []
        for step in range(at, min(at + 4000, len(epochs))):
            values = {name: float(column[step]) for name, column in series.items()}
            body = Metrics("train", float(epochs[step]), values)
            rows.append(EventRow(1000 + step, Event("x", Stream.STDERR, step, Level.INFO, "x", "METRICS", body)))
        store.events.append(story.task_id, rows, lines_read=at)
    store.tasks.become(story.task_id, TaskStatus.FINISHED)
    while store.metrics.pack_ended(portions=16):
        pass
    return {one.name: one for one in store.metrics.series(story.task_id)}


class OnlySummaries:
    """The store's metrics; a whole series cannot be read."""

    def __init__(self, store: Store) -> None:
        self.metrics = self
        self.outline, self.stretch = store.metrics.outline, store.metrics.stretch


@pytest.fixture
def walk() -> np.ndarray:
    random = np.random.default_rng(3)
    values = random.normal(0, 0.01, POINTS).cumsum().round(6)
    values[random.integers(0, POINTS, 20)] += 9
    return values


EPOCHS = np.arange(POINTS) / 100


@pytest.mark.parametrize("axis", ["epoch", "step"])
@pytest.mark.parametrize("window", [(None, None), (20.005, 290.0), (None, 250.0), (7.0, None)])
def test_the_curve_has_the_ends_and_extremes_of_all_points(store, artifacts, walk, axis, window) -> None:
    loss = ended(store, artifacts, EPOCHS, loss=walk)["loss"]
    summaries: Any = OnlySummaries(store)
    x = EPOCHS if axis == "epoch" else np.arange(1.0, POINTS + 1)
    if axis == "step":
        window = tuple(None if edge is None else edge * 100 for edge in window)
    curve = Curves(summaries, PointsCache(summaries)).draw(loss, Look(axis, 100, window), start_us=None)
    drawn, exact = curve.chart, chart(x, walk, max_points=100, window=window)

    assert (curve.count, curve.last_seq) == (POINTS, loss.last_seq)
    np.testing.assert_array_equal(x[drawn.rows], drawn.x)
    np.testing.assert_array_equal(walk[drawn.rows], drawn.y)
    assert np.all(np.diff(drawn.rows) > 0)
    assert (drawn.in_window, drawn.numbers, drawn.gaps) == (exact.in_window, POINTS, 0)
    assert drawn.shown <= 98
    assert drawn.shown > 60
    assert not drawn.is_exact
    for found in ("x", "y"):
        assert [getattr(drawn, found)[at] for at in (0, -1)] == [getattr(exact, found)[at] for at in (0, -1)]
    assert (drawn.y.min(), drawn.y.max()) == (exact.y.min(), exact.y.max())


def test_means_are_those_of_all_points(store, artifacts, walk) -> None:
    loss = ended(store, artifacts, EPOCHS, loss=walk)["loss"]
    summaries: Any = OnlySummaries(store)
    curve = Curves(summaries, PointsCache(summaries)).draw(loss, Look("epoch", 100, as_means=True), start_us=None)
    drawn, exact = curve.chart, chart(EPOCHS, walk, max_points=100, as_means=True)

    assert drawn.low is not None
    assert drawn.high is not None
    assert exact.low is not None
    assert len(drawn.x) == len(exact.x)
    assert (drawn.x[0], drawn.y[0], drawn.x[-1], drawn.y[-1]) == (exact.x[0], exact.y[0], exact.x[-1], exact.y[-1])
    assert (drawn.low.min(), drawn.high.max()) == (walk.min(), walk.max())
    np.testing.assert_allclose(drawn.x, exact.x, atol=0.7)
    np.testing.assert_allclose(np.average(drawn.y[1:-1]), np.average(exact.y[1:-1]), rtol=0.02)
    assert np.all((drawn.low <= drawn.y) & (drawn.y <= drawn.high))


@pytest.mark.parametrize("width", [5000, 300, 90, 1])
def test_zooming_in_ends_at_the_points_that_were_printed(store, artifacts, walk, width) -> None:
    loss = ended(store, artifacts, EPOCHS, loss=walk)["loss"]
    summaries: Any = OnlySummaries(store)
    drawing = Curves(summaries, PointsCache(summaries))
    for first in (0, 4095, 12_345, POINTS - width):
        window = (EPOCHS[first], EPOCHS[first + width - 1])
        drawn = drawing.draw(loss, Look("epoch", 100, window), start_us=None).chart
        assert drawn.in_window == width
        assert drawn.is_exact is (width <= 98)
        if drawn.is_exact:
            beside = slice(max(first - 1, 0), first + width + 1)
            np.testing.assert_array_equal(drawn.x, EPOCHS[beside])
            np.testing.assert_array_equal(drawn.y, walk[beside])


def test_a_gap_is_drawn_from_the_points_themselves(store, artifacts, walk) -> None:
    walk[3000:9000] = np.nan
    loss = ended(store, artifacts, EPOCHS, loss=walk)["loss"]
    drawn = Curves(store, PointsCache(store)).draw(loss, Look("epoch", 100), start_us=None).chart

    assert np.isnan(drawn.y).any()
    assert (drawn.gaps, drawn.numbers) == (6000, POINTS - 6000)


def test_epochs_that_go_back_are_put_into_order(store, artifacts, walk) -> None:
    epochs = np.concatenate([EPOCHS[:20_000], EPOCHS[:10_000] + 50.001])
    loss = ended(store, artifacts, epochs, loss=walk)["loss"]
    drawing = Curves(store, PointsCache(store))
    by_epoch = drawing.draw(loss, Look("epoch", 100), start_us=None).chart
    by_step = drawing.draw(loss, Look("step", 100), start_us=None).chart

    assert np.all(np.diff(by_epoch.x) >= 0)
    assert (by_epoch.y.min(), by_epoch.y.max()) == (by_step.y.min(), by_step.y.max()) == (walk.min(), walk.max())


def test_points_of_a_later_attempt_are_in_the_curve(store, artifacts, walk) -> None:
    loss = ended(store, artifacts, EPOCHS, loss=walk)["loss"]
    drawing = Curves(store, PointsCache(store))
    assert drawing.draw(loss, Look("epoch", 100), start_us=None).count == POINTS
    body = Metrics("train", 400.0, {"loss": 99.0})
    event = Event("x", Stream.STDERR, 1, Level.INFO, "x", "METRICS", body)
    store.events.append(loss.task_id, [EventRow(90_000, event)], lines_read=1)
    (later,) = store.metrics.series(loss.task_id)
    curve = drawing.draw(later, Look("epoch", 100), start_us=None)

    assert (curve.count, curve.last_seq, curve.chart.y.max()) == (POINTS + 1, 90_000, 99.0)
    assert not drawing._points.has(loss.id), "the points of the first attempt have their summaries"


def test_the_same_question_reads_nothing_again(store, artifacts, walk) -> None:
    loss = ended(store, artifacts, EPOCHS, loss=walk)["loss"]
    drawing = Curves(store, PointsCache(store))
    first = drawing.draw(loss, Look("epoch", 100), start_us=None)
    assert drawing.draw(loss, Look("epoch", 100), start_us=None) is first
    assert drawing.draw(loss, Look("epoch", 101), start_us=None) is not first


def test_short_series_are_read_together_and_drawn_as_one_by_one(store, artifacts) -> None:
    y = np.array([3.0, np.nan, 1.0, 2.0])
    epochs = np.array([0.5, 1.0, 1.0, 2.0])
    of_one = ended(store, artifacts, epochs, a=y, b=y[::-1], c=y + 1)
    back = ended(store, artifacts, epochs[::-1], a=y, b=y, c=y, d=y)
    for series in (of_one, back):
        for axis in ("epoch", "step"):
            drawing, look = Curves(store, PointsCache(store)), Look(axis, 100)
            together = list(drawing.draw_all(list(series.values()), look))
            are_in_order = series is of_one or axis == "step"
            assert drawing._points.has(next(iter(series.values())).id) is not are_in_order
            for one, curve in zip(series.values(), together, strict=True):
                alone = drawing.draw(one, look, start_us=None)
                for name in ("x", "y", "rows"):
                    np.testing.assert_array_equal(getattr(curve.chart, name), getattr(alone.chart, name))
                for name in ("in_window", "shown", "gaps", "numbers", "is_exact", "low", "smooth"):
                    assert getattr(curve.chart, name) == getattr(alone.chart, name)
                assert (curve.count, curve.last_seq) == (alone.count, alone.last_seq)
