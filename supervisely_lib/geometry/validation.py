"""Checks of coordinates as they come from files and callers. Each error says which field and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from supervisely_lib.geometry.constants import EXTERIOR, INTERIOR, POINTS

_LIMIT = 2**31 - 1  # OpenCV draws with 32-bit coordinates


def int_points(coords: Any, field: str) -> Any:
    """coords, a list of pairs of numbers, as int32 (N, 2); fractions are rounded half to even.

    TypeError if it is anything else, ValueError for numbers no image can hold.
    """
    try:
        points = np.array(coords)
    except ValueError:  # lists of different lengths
        points = np.array(None)
    if points.size == 0 and isinstance(coords, (list, tuple)):
        return np.empty((0, 2), np.int32)
    if points.dtype.kind not in "iuf" or points.ndim != 2 or points.shape[1] != 2:
        raise TypeError(f"{field} field must be a list of 2 numbers lists.")
    if points.dtype.kind == "f":
        points = np.rint(points)
    if not (np.abs(points) <= _LIMIT).all():  # also true for NaN
        raise ValueError(f"{field} field holds coordinates that are not finite or beyond ±2³¹.")
    return points.astype(np.int32)


def _points_object(data: Mapping[str, Any]) -> Mapping[str, Any]:
    if POINTS not in data:
        raise ValueError(f"Input data must contain {POINTS} field.")
    points = data[POINTS]
    if not isinstance(points, Mapping):
        raise TypeError(f'Input data field "{POINTS}" must be dict object.')
    if EXTERIOR not in points or INTERIOR not in points:
        raise ValueError(f'"{POINTS}" field must contain {EXTERIOR} and {INTERIOR} fields.')
    return points


def exterior_of(data: Mapping[str, Any]) -> Any:
    """`points.exterior` as int32 (N, 2), x before y."""
    points = _points_object(data)
    if not isinstance(points[INTERIOR], list):
        raise TypeError(f"{INTERIOR} field must be a list of lists of 2 numbers lists.")
    return int_points(points[EXTERIOR], EXTERIOR)


def rings_of(data: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """`points.exterior` and each of `points.interior` as int32 (N, 2), x before y."""
    exterior = exterior_of(data)
    return exterior, [int_points(ring, INTERIOR) for ring in data[POINTS][INTERIOR]]


def validate_geometry_points_fields(json_obj: Mapping[str, Any]) -> None:
    """ValueError, TypeError unless it has `points` with an exterior and interiors of pairs of numbers."""
    rings_of(json_obj)


def is_2d_int_coords_valid(coords: Any) -> bool:
    """Whether it is a list of pairs of ints."""
    return isinstance(coords, (list, tuple)) and all(
        len(point) == 2 and all(isinstance(coord, int) for coord in point) for point in coords
    )
