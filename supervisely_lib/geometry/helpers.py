"""Conversions between shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from supervisely_lib.geometry.any_geometry import AnyGeometry
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.polygon import Polygon
from supervisely_lib.geometry.polyline import Polyline
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.sly_logger import logger


def geometry_to_bitmap(
    geometry: Geometry, radius: int = 0, crop_image_shape: Sequence[int] | None = None
) -> list[Bitmap]:
    """The pixels of the shape; lines and points are about 2 · radius + 1 wide. Clipped to (height, width) if given."""
    box = geometry.to_bbox()
    top, left = box.top - radius, box.left - radius
    mask = np.zeros((box.height + 2 * radius, box.width + 2 * radius), np.bool_)
    geometry.translate(-top, -left).draw(mask, True, thickness=radius + 1)
    bitmap = Bitmap(mask, PointLocation(top, left))
    return [bitmap] if crop_image_shape is None else bitmap.crop(Rectangle.from_size(crop_image_shape))


def geometry_to_polygon(geometry: Geometry, approx_epsilon: float | None = None) -> list[Polygon]:
    """Outlines as polygons; outlines of masks are simplified by at most approx_epsilon pixels.

    KeyError for points, graphs.
    """
    if isinstance(geometry, Polygon):
        return [geometry]
    if isinstance(geometry, Rectangle):
        return [Polygon(geometry.corners)]
    if isinstance(geometry, Polyline):
        return [Polygon(geometry.exterior)]
    if isinstance(geometry, Bitmap):
        return [
            outline.approx_dp(1 if approx_epsilon is None else approx_epsilon) for outline in geometry.to_contours()
        ]
    raise KeyError(f"Can not convert {geometry.geometry_name()} to {Polygon.__name__}")


def get_effective_nonoverlapping_masks(
    geometries: Sequence[Geometry], img_size: tuple[int, int] | None = None
) -> tuple[list[Bitmap | None], Array]:
    """The visible part of each shape when all are drawn in order: masks (None if no pixel is visible), and the canvas,
    int32 (height, width), with the index of the visible shape, or with the number of shapes if no shape is visible.
    """
    if img_size is None:
        box = Rectangle.from_geometries_list(geometries) if geometries else None
        img_size = (box.bottom + 1, box.right + 1) if box else (0, 0)
    canvas = np.full(img_size, len(geometries), np.int32)
    for i, geometry in enumerate(geometries):
        geometry.draw(canvas, i)
    visible = [canvas == i for i in range(len(geometries))]
    return [Bitmap(mask) if mask.any() else None for mask in visible], canvas


def deserialize_geometry(geometry_type_str: str, geometry_json: Mapping[str, Any]) -> Geometry:
    """The geometry of an annotation object; the name says its shape."""
    from supervisely_lib.annotation.json_geometries_map import GET_GEOMETRY_FROM_STR

    return GET_GEOMETRY_FROM_STR(geometry_type_str).from_json(geometry_json)


def convert(
    geometry: Geometry, kind: type[Geometry], contour_radius: int = 0, approx_epsilon: float | None = None
) -> list[Geometry]:
    """The shape converted to shapes of another kind; NotImplementedError if no such conversion exists."""
    if kind in (type(geometry), AnyGeometry):
        return [geometry]
    if kind not in geometry.allowed_transforms():
        raise NotImplementedError(f"from {geometry.geometry_name()!r} to {kind.geometry_name()!r}")
    result: list[Geometry]
    if kind is Bitmap:
        result = [*geometry_to_bitmap(geometry, contour_radius)]
    elif kind is Rectangle:
        result = [geometry.to_bbox()]
    else:
        result = [*geometry_to_polygon(geometry, approx_epsilon)]
    if not result:
        names = (geometry.geometry_name(), kind.geometry_name())
        logger.warning("Can not convert geometry %s to %s because geometry to convert is very small", *names)
    return result
