"""The horizontal axis of a chart. Pure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from web_stub.charts.statistics import Floats, Ints

Axis = Literal["epoch", "step", "time"]


def places(axis: Axis, epoch: Floats, time_us: Ints, *, start_us: int = 0) -> Floats:
    """The place of each point of a series: its epoch, its number from 1, or seconds since `start_us` (UTC)."""
    match axis:
        case "epoch":
            return epoch
        case "step":
            return np.arange(1, len(epoch) + 1, dtype=np.float64)
        case "time":
            return (time_us - start_us) / 1e6
