"""What a chart says of a million points is what numpy says of them."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from web_stub.charts.downsample import chart
from web_stub.charts.statistics import columns, smoothed

_N = 200_000
_RNG = np.random.default_rng(7)
_SPIKY = np.where(_RNG.random(_N) < 0.01, 5.0, 0.1)  # a mean of 0.149
_STEPS = np.arange(1.0, _N + 1)


def average(y: np.ndarray, weight: float) -> np.ndarray:
    """The moving average as its definition says it, a value at a time."""
    out, total, part = np.full(len(y), np.nan), 0.0, 0.0
    for i, value in enumerate(y):
        if not np.isnan(value):
            total, part = weight * total + (1 - weight) * value, weight * part + (1 - weight)
            out[i] = total / part
    return out


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_smoothing_is_the_average_of_its_definition(weight: float) -> None:
    y = _SPIKY[:20_000].copy()
    y[[0, 5, 6, 7, 19_999]] = np.nan

    np.testing.assert_allclose(smoothed(y, weight), average(y, weight), rtol=1e-9)


def test_spikes_of_one_percent_do_not_lift_the_smoothed_line() -> None:
    drawn = chart(_STEPS, _SPIKY, max_points=1500, as_means=True, smoothing=0.99)
    whole = smoothed(_SPIKY, 0.99)

    assert abs(_SPIKY.mean() - 0.149) < 0.003
    assert drawn.smooth is not None
    assert drawn.low is not None
    assert drawn.high is not None
    assert len(drawn.x) <= 1500
    assert abs(np.mean(drawn.smooth) - _SPIKY.mean()) < 0.01
    assert np.max(drawn.smooth) < 0.6, "thinned before smoothing, the line would lie at 2.4"
    assert (drawn.low.min(), drawn.high.max()) == (0.1, 5.0)
    column = (_STEPS // 256).astype(int)  # of 200,000 points in at most 1,500 columns, 256 wide each
    counts = np.bincount(column)
    for found, values in ((drawn.y, _SPIKY), (drawn.smooth, whole)):
        means = np.bincount(column, values) / counts
        np.testing.assert_allclose(found[2:-2], means[1:-1], rtol=1e-9)
    assert drawn.smooth[-1] == drawn.smooth_last == pytest.approx(whole[-1])


def test_zooming_in_makes_a_curve_finer_and_nothing_else() -> None:
    whole = smoothed(_SPIKY, 0.95)
    inside = slice(0)
    for low, high in ((1.0, 200_000.0), (50_000.0, 90_000.0), (70_000.0, 71_000.0)):
        drawn = chart(_STEPS, _SPIKY, max_points=1500, window=(low, high), as_means=True, smoothing=0.95)
        assert drawn.smooth is not None
        inside = slice(int(low) - 1, int(high))
        assert np.average(drawn.smooth) == pytest.approx(whole[inside].mean(), rel=0.03)
        assert drawn.in_window == high - low + 1
    assert drawn.is_exact
    assert drawn.smooth is not None
    np.testing.assert_array_equal(drawn.y[1:-1], _SPIKY[inside])
    np.testing.assert_array_equal(drawn.smooth[1:-1], whole[inside])


def test_columns_stay_where_they_are_when_a_curve_moves_or_grows() -> None:
    first = columns(_STEPS[1000:101_000], _SPIKY[1000:101_000], None, 1000)
    moved = columns(_STEPS[1500:101_500], _SPIKY[1500:101_500], None, 1000)

    common = np.intersect1d(first.x, moved.x)
    assert len(common) > 0.97 * len(first.x)
    means = [dict(zip(one.x, one.mean, strict=True)) for one in (first, moved)]
    assert all(means[0][x] == means[1][x] for x in common)


def test_values_near_the_limits_of_numbers_are_summarized_without_overflow() -> None:
    x = np.arange(5000.0)
    for value in (1.7e308, -1.7e308, 5e-324, 1e-310, 1e308, 1e-4):
        y = np.full(5000, value)
        drawn = chart(x, y, max_points=100, as_means=True, smoothing=0.9)
        assert drawn.low is not None
        assert drawn.smooth is not None
        for given_ in (drawn.y, drawn.low, drawn.smooth):
            np.testing.assert_allclose(given_, value, rtol=1e-9)
    mixed = chart(x, np.where(x % 2 > 0, 1.7e308, -1.7e308), max_points=100, as_means=True, smoothing=0.5)
    assert mixed.smooth is not None
    assert np.isfinite(mixed.y).all()
    assert np.isfinite(mixed.smooth).all()


def test_a_column_without_numbers_is_a_gap() -> None:
    y = np.ones(10_000)
    y[4000:6000] = np.nan
    y[1] = np.nan
    drawn = chart(np.arange(10_000.0), y, max_points=100, as_means=True, smoothing=0.5)

    assert drawn.smooth is not None
    assert np.isnan(drawn.y).sum() in range(12, 35)
    np.testing.assert_array_equal(np.isnan(drawn.y), np.isnan(drawn.smooth))
    assert (drawn.gaps, drawn.numbers) == (2001, 7999)


def test_points_at_one_place_are_columns_too() -> None:
    drawn = chart(np.full(9000, 3.0), np.arange(9000.0), max_points=100, as_means=True)

    assert len(drawn.x) <= 100
    assert (drawn.y[0], drawn.y[-1]) == (0, 8999)
    assert set(drawn.x) == {3.0}


_VALUES = arrays.arrays(np.float64, st.integers(40, 400), elements=st.floats(-1e308, 1e308) | st.just(np.nan))


@given(_VALUES, st.integers(16, 60), st.floats(0, 0.999))
def test_columns_hold_every_point_and_stay_within_its_range(y: np.ndarray, most: int, weight: float) -> None:
    x = np.sort(np.random.default_rng(len(y)).integers(0, 1000, len(y)).astype(float))
    drawn = chart(x, y, max_points=most, as_means=True, smoothing=weight)
    numbers = y[~np.isnan(y)]

    assert len(drawn.x) <= most
    assert np.all(np.diff(drawn.x) >= 0)
    assert drawn.numbers == len(numbers)
    if len(numbers) and drawn.low is not None and drawn.high is not None:
        assert np.nanmin(drawn.low) == numbers.min()
        assert np.nanmax(drawn.high) == numbers.max()
        is_number = ~np.isnan(drawn.y)
        assert np.all(drawn.low[is_number] <= drawn.y[is_number])
        assert np.all(drawn.y[is_number] <= drawn.high[is_number])
    if drawn.smooth is not None and len(numbers):
        slack = 1e-9 * max(abs(numbers.min()), abs(numbers.max()))
        assert np.nanmin(drawn.smooth) >= numbers.min() - slack
        assert np.nanmax(drawn.smooth) <= numbers.max() + slack


def test_a_million_points_are_smoothed_and_summarized_in_a_blink() -> None:
    x, y = np.arange(1_000_000.0), _RNG.random(1_000_000)
    spent = []
    for _ in range(3):
        began = time.process_time()
        chart(x, y, max_points=1500, as_means=True, smoothing=0.99)
        spent.append(time.process_time() - began)

    assert min(spent) < 0.5, spent
