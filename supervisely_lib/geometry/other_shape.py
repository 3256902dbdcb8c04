"""Shapes of later generations that a meta may list. Their objects are not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supervisely_lib.geometry.geometry import Geometry

_NAMES = (
    "alpha_mask",
    "closed_surface_mesh",
    "cuboid_2d",
    "cuboid_3d",
    "mask_3d",
    "mesh",
    "multipolygon",
    "oriented_bbox",
    "point_3d",
    "point_cloud",
    "polyline_3d",
)


class OtherShape(Geometry):
    """The geometry_type of a class whose objects this SDK does not read."""

    _shape = ""

    @classmethod
    def geometry_name(cls) -> str:
        return cls._shape

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Any:
        raise ValueError(f"objects of shape {cls._shape!r} are not read by this SDK, only classes of this shape.")


OTHER_SHAPES: dict[str, type[Geometry]] = {
    name: type("".join(part.title() for part in name.split("_")), (OtherShape,), {"_shape": name}) for name in _NAMES
}
