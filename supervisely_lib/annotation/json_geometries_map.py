"""Shape names in files → geometry classes."""

from __future__ import annotations

from supervisely_lib.annotation.invalid import UnknownShape
from supervisely_lib.geometry.any_geometry import AnyGeometry
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.graph import GraphNodes
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.point import Point
from supervisely_lib.geometry.polygon import Polygon
from supervisely_lib.geometry.polyline import Polyline
from supervisely_lib.geometry.rectangle import Rectangle

_PROJECT_SHAPES = (Bitmap, Polygon, Rectangle, Polyline, Point, GraphNodes, AnyGeometry)
_SHAPES: dict[str, type[Geometry]] = {
    **{shape.geometry_name(): shape for shape in _PROJECT_SHAPES},
    MultichannelBitmap.geometry_name(): MultichannelBitmap,
    "multichannelBitmap": MultichannelBitmap,  # as the 2026 generation spells it
}


def GET_GEOMETRY_FROM_STR(figure_shape: str) -> type[Geometry]:
    """The geometry class of that shape name. UnknownShape, a KeyError, for others."""
    shape = _SHAPES.get(figure_shape) if isinstance(figure_shape, str) else None
    if shape is None:
        known = ", ".join(shape.geometry_name() for shape in _PROJECT_SHAPES)
        raise UnknownShape(f"unknown shape {figure_shape!r}; this SDK knows {known}.")
    return shape
