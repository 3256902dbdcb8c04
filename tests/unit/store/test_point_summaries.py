"""store/point_summaries.py: the lowest, the highest and the mean of every 64 points."""

from __future__ import annotations

import math
import random
import struct

import pytest

from agent.errors import StorageFailed
from agent.store.point_summaries import BIN, LEAST_POINTS, read_summary, summarize


def packed(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def walk(count: int) -> list[float]:
    chance = random.Random(7)
    return [round(math.sin(step / 90) + chance.random(), 4) for step in range(count)]


def test_each_bin_has_its_extremes_with_their_places_and_its_mean() -> None:
    values = walk(LEAST_POINTS + 5)
    epochs = [step / 1000 for step in range(len(values))]
    data = summarize(packed(epochs), packed(values))
    assert data is not None
    bins = read_summary(data, len(values))

    assert len(bins.mean) == LEAST_POINTS // BIN + 1, "the last bin has five points"
    for number in range(len(bins.mean)):
        of_bin = slice(number * BIN, (number + 1) * BIN)
        x, y = epochs[of_bin], values[of_bin]
        assert (bins.first_epoch[number], bins.last_epoch[number]) == (x[0], x[-1])
        assert (bins.low[number], bins.low_at[number], bins.low_epoch[number]) == (
            min(y),
            y.index(min(y)),
            x[y.index(min(y))],
        )
        assert (bins.high[number], bins.high_at[number], bins.high_epoch[number]) == (
            max(y),
            y.index(max(y)),
            x[y.index(max(y))],
        )
        assert bins.mean[number] == pytest.approx(sum(y) / len(y))


@pytest.mark.parametrize("bad", ["a gap", "an epoch that goes back", "no epoch", "overflow", "too few"])
def test_points_that_a_summary_would_hide_something_of_have_none(bad: str) -> None:
    values = walk(2 * LEAST_POINTS)
    epochs = [float(step) for step in range(len(values))]
    match bad:
        case "a gap":
            values[300] = math.nan
        case "an epoch that goes back":
            epochs[300] = 3.0
        case "no epoch":
            epochs[300] = math.nan
        case "overflow":
            values[300:302] = [1.7e308, 1.7e308]
        case "too few":
            values, epochs = values[: LEAST_POINTS - 1], epochs[: LEAST_POINTS - 1]
    assert summarize(packed(epochs), packed(values)) is None


def test_a_damaged_summary_is_said_to_be_one() -> None:
    data = summarize(packed([float(step) for step in range(2000)]), packed(walk(2000)))
    assert data is not None
    for wrong, points in ((data[:20], 2000), (data[:-9], 2000), (data + b"x", 2000), (data, 3000)):
        with pytest.raises(StorageFailed, match="damaged"):
            read_summary(wrong, points)
