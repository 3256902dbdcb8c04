"""Shape names in files → geometry classes."""

from __future__ import annotations

from supervisely_lib.annotation.invalid import UnknownShape
from supervisely_lib.geometry.any_geometry import AnyGeometry
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.cuboid import Cuboid
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.graph import GraphNodes
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.other_shape import OTHER_SHAPES
from supervisely_lib.geometry.point import Point
from supervisely_lib.geometry.polygon import Polygon
from supervisely_lib.geometry.polyline import Polyline
from supervisely_lib.geometry.rectangle import Rectangle

_PROJECT_SHAPES = (Bitmap, Polygon, Rectangle, Polyline, Point, GraphNodes, Cuboid, AnyGeometry)
_SHAPES: dict[str, type[Geometry]] = {
    **OTHER_SHAPES,
    **{shape.geometry_name(): shape for shape in _PROJECT_SHAPES},
    MultichannelBitmap.geometry_name(): MultichannelBitmap,
    "multichannelBitmap": MultichannelBitmap,  # the spelling of 2026
}


def GET_GEOMETRY_FROM_STR(figure_shape: str) -> type[Geometry]:
    """The geometry class of a shape name. UnknownShape (a KeyError) for an unknown name."""
    shape = _SHAPES.get(figure_shape) if isinstance(figure_shape, str) else None
    if shape is None:
        known = ", ".join(shape.geometry_name() for shape in _PROJECT_SHAPES)
        raise UnknownShape(f"unknown shape {figure_shape!r}; this SDK knows {known}.")
    return shape
