"""The shape of classes whose objects may have any shape (2026)."""

from __future__ import annotations

from supervisely_lib.geometry.constants import ANY_SHAPE
from supervisely_lib.geometry.geometry import Geometry


class AnyGeometry(Geometry):
    """Only as a class' geometry_type: each object says its own shape in the file."""

    @staticmethod
    def geometry_name() -> str:
        return ANY_SHAPE
