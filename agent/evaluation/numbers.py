"""Numbers of figures, as JSON has them: what is not defined is None. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ratio(part: Any, whole: Any) -> Floats:
    """part / whole, NaN where the whole is 0. Numbers or arrays."""
    whole = np.asarray(whole, np.float64)
    result: Floats = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def plain(value: Any) -> float | None:
    """A number of numpy; None for NaN."""
    number = float(value)
    return None if math.isnan(number) else number


def mean_of(values: Floats) -> float | None:
    """The mean of those that are defined; None if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def listed(values: Floats) -> list[float | None]:
    """Numbers of an array; None for NaN."""
    return [None if math.isnan(number) else number for number in values.tolist()]
