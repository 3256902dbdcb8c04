"""A single pixel as a shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from supervisely_lib.geometry.drawing import Array, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator


class Point(Geometry):
    """A pixel at (row, col). Drawn as a filled circle."""

    @staticmethod
    def geometry_name() -> str:
        return "point"

    def __init__(
        self,
        row: float,
        col: float,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        super().__init__(sly_id, class_id, labeler_login, updated_at, created_at)
        self._location = PointLocation(row, col)

    @classmethod
    def from_point_location(
        cls,
        pt: PointLocation,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> Point:
        """The point at that location."""
        return cls(pt.row, pt.col, sly_id, class_id, labeler_login, updated_at, created_at)

    @property
    def row(self) -> int:
        """Pixels from the top."""
        return self._location.row

    @property
    def col(self) -> int:
        """Pixels from the left."""
        return self._location.col

    @property
    def point_location(self) -> PointLocation:
        """Its location."""
        return self._location

    @property
    def area(self) -> float:
        return 0.0

    def to_bbox(self) -> Rectangle:
        return Rectangle(self.row, self.col, self.row, self.col)

    def _to_json_impl(self) -> dict[str, Any]:
        return self._location.to_json()

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Point:
        return cls.from_point_location(PointLocation.from_json(dict(data)))

    def crop(self, rect: Rectangle) -> list[Point]:
        return [self.clone()] if rect.contains_point_location(self._location) else []

    def rotate(self, rotator: ImageRotator) -> Point:
        return self.from_point_location(self._location.rotate(rotator))

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Point:
        return self.from_point_location(self._location.resize(in_size, out_size))

    def scale(self, factor: float) -> Point:
        return self.from_point_location(self._location.scale(factor))

    def translate(self, drow: int, dcol: int) -> Point:
        return self.from_point_location(self._location.translate(drow, dcol))

    def fliplr(self, img_size: Sequence[int]) -> Point:
        return self.from_point_location(self._location.fliplr(img_size))

    def flipud(self, img_size: Sequence[int]) -> Point:
        return self.from_point_location(self._location.flipud(img_size))

    def _circle(self, bitmap: Array, color: Any, radius: int) -> None:
        import cv2

        center = (self.col, self.row)
        paint(bitmap, color, lambda canvas, ink: cv2.circle(canvas, center, radius, ink, cv2.FILLED))

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        self._circle(bitmap, color, max(0, round(thickness / 2)))

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        self._circle(bitmap, color, max(0, round((thickness + 1) / 2)))
