"""A band is what its definition says, a value at a time; runs of different length count where they reach."""

from __future__ import annotations

import math
import statistics
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_stub.charts.bands import Band, Spread, band

Points = list[tuple[float, float]]

_XS = st.sampled_from([0.0, 0.5, 1.0, 1.25, 2.0, 3.0, 7.0, math.nan])
_YS = st.floats(-1e3, 1e3, width=32) | st.just(math.nan)
_CURVES = st.lists(st.lists(st.tuples(_XS, _YS), max_size=8), max_size=5)


def drawn(curves: list[Points], spread: Spread = "range", max_points: int = 1000) -> Band:
    arrays = [(np.array([x for x, _ in one]), np.array([y for _, y in one])) for one in curves]
    return band(arrays, spread=spread, max_points=max_points)


def value_at(curve: Points, x: float) -> float | None:
    """Straight between the numbers; of several points at one x the last."""
    points = sorted({px: py for px, py in curve if not math.isnan(px) and not math.isnan(py)}.items())
    for px, py in points:
        if px == x:
            return py
    for (ax, ay), (bx, by) in pairwise(points):
        if ax < x < bx:
            return ay + (by - ay) * (x - ax) / (bx - ax)
    return None


@given(_CURVES, st.sampled_from(["range", "deviation"]))
def test_mean_band_and_count_are_those_of_the_runs_that_reach_x(curves: list[Points], spread: Spread) -> None:
    found = drawn(curves, spread)
    places = {x for one in curves for x, y in one if not math.isnan(x) and not math.isnan(y)}
    assert found.x.tolist() == sorted(places)
    for i, x in enumerate(found.x.tolist()):
        values = [value for one in curves if (value := value_at(one, x)) is not None]
        assert found.count[i] == len(values) > 0
        mean = statistics.fmean(values)
        assert found.mean[i] == pytest.approx(mean, abs=1e-9)
        low, high = min(values), max(values)
        if spread == "deviation":
            off = statistics.stdev(values) if len(values) > 1 else 0.0
            low, high = mean - off, mean + off
        assert found.low[i] == pytest.approx(low, abs=1e-6)
        assert found.high[i] == pytest.approx(high, abs=1e-6)
        assert found.low[i] <= found.mean[i] <= found.high[i]


@pytest.mark.parametrize("spread", ["range", "deviation"])
def test_a_band_of_many_long_runs_takes_the_memory_of_a_few_and_is_the_same(spread: Spread) -> None:
    random = np.random.default_rng(1)
    starts = np.linspace(0, 100, 300)
    curves = [(np.sort(random.uniform(start, 500 + start, 400)), random.normal(size=400)) for start in starts]
    tracemalloc.start()
    found = band(curves, spread=spread, max_points=20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.x) == 20_000
    assert peak < 60 * found.x.nbytes, "all runs at once are 300 such arrays, several times"

    values = np.stack([np.interp(found.x, x, y, left=np.nan, right=np.nan) for x, y in curves])
    assert found.count.tolist() == (~np.isnan(values)).sum(axis=0).tolist()
    mean = np.nanmean(values, axis=0)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    if spread == "deviation":
        off = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / np.maximum(found.count - 1, 1))
        low, high = mean - off, mean + off
    np.testing.assert_allclose([found.mean, found.low, found.high], [mean, low, high], rtol=0, atol=1e-12)


def test_where_no_run_reaches_the_band_has_a_gap() -> None:
    found = drawn([[(0, 1), (1, 1)], [(9, 3), (10, 5)]], max_points=3)
    assert found.x.tolist() == [0, 5, 10]
    assert found.count.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(found.mean, [1, math.nan, 5])


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1.0, 1e200, 1e308])
def test_numbers_of_any_size_have_a_band(size: float) -> None:
    found = drawn([[(1, size)], [(1, -size)]], "range")
    assert (found.mean[0], found.low[0], found.high[0]) == (0, -size, size)
    if 1e-300 < size < 1e307:
        assert drawn([[(1, size)], [(1, -size)]], "deviation").high[0] == pytest.approx(size * math.sqrt(2))


def test_no_curve_is_an_empty_band() -> None:
    assert len(drawn([]).x) == len(drawn([[(math.nan, 1)]]).mean) == 0
