"""charts/downsample.py: a thinned curve keeps its extremes, its ends and its gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_stub.charts.downsample import MIN_POINTS, chart

values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False),
    st.floats(min_value=-1, max_value=1),
    st.just(math.nan),
)
curves = st.lists(values, min_size=0, max_size=400).map(lambda ys: np.array(ys, dtype=np.float64))
limits = st.integers(min_value=MIN_POINTS, max_value=100)


def steps(y: np.ndarray) -> np.ndarray:
    return np.arange(len(y), dtype=np.float64)


@given(curves, limits)
def test_never_more_points_than_asked_for(y, max_points):
    drawn = chart(steps(y), y, max_points=max_points)

    assert len(drawn.x) == len(drawn.y) == len(drawn.rows) <= max_points
    assert drawn.shown == len(drawn.x)
    assert drawn.in_window == len(y)


@given(curves, limits)
def test_ends_and_extremes_of_the_numbers_stay(y, max_points):
    drawn = chart(steps(y), y, max_points=max_points)
    numbers = y[~np.isnan(y)]
    if len(numbers) == 0:
        return

    shown = drawn.y[~np.isnan(drawn.y)]
    assert shown[0] == numbers[0]
    assert shown[-1] == numbers[-1]
    assert shown.min() == numbers.min()
    assert shown.max() == numbers.max()


@given(curves, limits)
def test_every_point_drawn_is_a_point_printed_in_order(y, max_points):
    drawn = chart(steps(y), y, max_points=max_points)

    assert np.array_equal(y[drawn.rows], drawn.y, equal_nan=True)
    assert np.all(np.diff(drawn.x) > 0)


@given(curves, limits, st.floats(0, 400), st.floats(0, 400))
def test_a_window_that_fits_is_exact(y, max_points, low, high):
    x = steps(y)
    drawn = chart(x, y, max_points=max_points, window=(low, high))
    inside = (x >= low) & (x <= high)

    assert drawn.in_window == int(inside.sum())
    assert len(drawn.x) <= max_points
    if drawn.in_window + 2 <= max_points:
        assert drawn.is_exact
        assert set(np.flatnonzero(inside)) <= set(drawn.rows.tolist())


def test_a_spike_in_a_million_points_is_drawn():
    y = np.zeros(1_000_000)
    y[123_457] = 9.0
    drawn = chart(steps(y), y, max_points=500)

    assert 9.0 in drawn.y
    assert not drawn.is_exact


def test_a_run_of_nan_stays_a_gap_when_thinned():
    y = np.sin(np.arange(10_000) / 50)
    y[4_000:4_100] = np.nan
    drawn = chart(steps(y), y, max_points=300)

    gap = drawn.x[np.isnan(drawn.y)]
    assert gap.tolist() == [4_000.0]
    assert drawn.gaps == 100


def test_a_series_of_nan_draws_nothing_and_is_counted():
    y = np.full(100, np.nan)
    drawn = chart(steps(y), y, max_points=MIN_POINTS)

    assert drawn.gaps == 100
    assert np.isnan(drawn.y).all()


def test_epochs_that_go_back_are_drawn_in_order_and_none_is_lost():
    x = np.array([0.5, 1.0, 1.5, 1.0, 1.5, 2.0])
    y = np.arange(6.0)
    drawn = chart(x, y, max_points=100)

    assert drawn.x.tolist() == [0.5, 1.0, 1.0, 1.5, 1.5, 2.0]
    assert drawn.y.tolist() == [0.0, 1.0, 3.0, 2.0, 4.0, 5.0]


def test_points_without_a_place_are_left_out():
    drawn = chart(np.array([np.nan, 1.0, 2.0]), np.array([5.0, 6.0, 7.0]), max_points=100)

    assert drawn.y.tolist() == [6.0, 7.0]
    assert drawn.in_window == 2


def test_a_window_brings_its_neighbours_so_that_lines_reach_the_edges():
    y = np.arange(100.0)
    drawn = chart(steps(y), y, max_points=50, window=(10.5, 12.5))

    assert drawn.x.tolist() == [10.0, 11.0, 12.0, 13.0]
    assert drawn.shown == drawn.in_window == 2


def test_too_few_points_to_draw_a_curve_are_refused():
    with pytest.raises(ValueError, match="at least"):
        chart(np.zeros(3), np.zeros(3), max_points=3)
