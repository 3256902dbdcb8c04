"""Checks of coordinates from files and callers. Each error names the field and the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from supervisely_lib.geometry.constants import EXTERIOR, INTERIOR, POINTS

_SMALL = 2**31 - 1  # OpenCV draws with 32-bit coordinates
_LIMIT = 2**62  # far outside of any image, and cut off with the part of a shape that leaves it


def int_points(coords: Any, field: str) -> Any:
    """coords, a list of pairs of numbers, as int32 (N, 2), or int64 where they are large; fractions are rounded half to
    even.

    TypeError for any other value, ValueError for numbers beyond 62 bits.
    """
    try:
        points = np.array(coords)
    except ValueError:  # lists of different lengths
        points = np.array(None)
    is_pairs = points.ndim == 2 and points.shape[1] == 2 and len(points) > 0
    if is_pairs and points.dtype == np.int64 and points.min() >= -_SMALL and points.max() <= _SMALL:
        return points.astype(np.int32)  # nearly always
    if points.size == 0 and isinstance(coords, (list, tuple)):
        return np.empty((0, 2), np.int32)
    if points.dtype.kind == "O" and points.ndim == 2 and points.shape[1] == 2:
        points = _as_floats(points)  # integers of more than 64 bits
    if points.dtype.kind not in "biuf" or points.ndim != 2 or points.shape[1] != 2:
        raise TypeError(f"{field} field must be a list of 2 numbers lists.")
    if points.dtype.kind == "f":
        points = np.rint(points)
    if points.dtype.kind == "b":
        points = points.astype(np.int32)
    if not (np.isfinite(points).all() and (np.abs(points) <= _LIMIT).all()):
        raise ValueError(f"{field} field holds coordinates that are not finite or beyond ±2⁶².")
    return as_pixels(points)


def as_pixels(points: Any) -> Any:
    """Whole numbers within the limit as int32, or as int64 where int32 cannot hold them."""
    return points.astype(np.int32 if (np.abs(points) <= _SMALL).all() else np.int64)


def _as_floats(points: Any) -> Any:
    if not all(isinstance(number, (int, float)) for number in points.ravel()):
        return points
    try:
        return points.astype(np.float64)
    except OverflowError:
        return np.full(points.shape, np.inf)


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
    """`points.exterior` as integers (N, 2), x before y. The rings of `points.interior` are checked as well."""
    return rings_of(data)[0]


def rings_of(data: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """`points.exterior` and each of `points.interior` as integers (N, 2), x before y."""
    points = _points_object(data)
    if not isinstance(points[INTERIOR], list):
        raise TypeError(f"{INTERIOR} field must be a list of lists of 2 numbers lists.")
    return int_points(points[EXTERIOR], EXTERIOR), [int_points(ring, INTERIOR) for ring in points[INTERIOR]]


def validate_geometry_points_fields(json_obj: Mapping[str, Any]) -> None:
    """ValueError or TypeError unless the data has `points` with an exterior and interiors of pairs of numbers."""
    rings_of(json_obj)


def is_2d_int_coords_valid(coords: Any) -> bool:
    """Whether the value is a list of pairs of ints."""
    return isinstance(coords, (list, tuple)) and all(
        len(point) == 2 and all(isinstance(coord, int) for coord in point) for point in coords
    )
