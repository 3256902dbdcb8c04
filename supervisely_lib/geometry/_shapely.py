"""The parts of shapely that this SDK uses, for shapely 1.5 to 2. Loaded when a shape first leaves its image."""

from __future__ import annotations

from shapely.geometry import LineString, Polygon

CANNOT_CUT: tuple[type[Exception], ...]  # the errors for shapes that shapely cannot cut
try:
    from shapely.errors import ShapelyError
except ImportError:  # before version 1.6
    from shapely.geos import PredicateError, TopologicalError  # type: ignore[attr-defined]

    CANNOT_CUT = (PredicateError, TopologicalError, ValueError)
else:
    CANNOT_CUT = (ShapelyError, ValueError)

__all__ = ["CANNOT_CUT", "LineString", "Polygon"]
