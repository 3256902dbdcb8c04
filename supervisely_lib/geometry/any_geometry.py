"""The shape of classes whose objects may have any shape (2026)."""

from __future__ import annotations

from supervisely_lib.geometry.constants import ANY_SHAPE
from supervisely_lib.geometry.geometry import Geometry


class AnyGeometry(Geometry):
    """The geometry_type of such a class only; each object names its own shape in the file."""

    @staticmethod
    def geometry_name() -> str:
        return ANY_SHAPE
