"""Axis-aligned rectangles. They include both corners: width = right - left + 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from supervisely_lib.geometry.constants import EXTERIOR, INTERIOR, POINTS
from supervisely_lib.geometry.drawing import Array, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point_location import PointLocation, whole
from supervisely_lib.geometry.validation import exterior_of

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator


class Rectangle(Geometry):
    """Rows top…bottom, columns left…right, all inclusive."""

    @staticmethod
    def geometry_name() -> str:
        return "rectangle"

    def __init__(
        self,
        top: float,
        left: float,
        bottom: float,
        right: float,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        """ValueError if top > bottom or left > right. Fractions are rounded."""
        if top > bottom:
            raise ValueError('Rectangle "top" argument must have less or equal value then "bottom"!')
        if left > right:
            raise ValueError('Rectangle "left" argument must have less or equal value then "right"!')
        super().__init__(sly_id, class_id, labeler_login, updated_at, created_at)
        self._top, self._left, self._bottom, self._right = whole(top), whole(left), whole(bottom), whole(right)

    def __repr__(self) -> str:
        return f"Rectangle(top={self._top}, left={self._left}, bottom={self._bottom}, right={self._right})"

    @classmethod
    def from_array(cls, arr: Array) -> Rectangle:
        """The rectangle of a whole image (h, w) or (h, w, c)."""
        return cls.from_size(arr.shape[:2])

    @classmethod
    def from_size(cls, size: Sequence[int]) -> Rectangle:
        """The rectangle of a whole image of that (height, width)."""
        return cls(0, 0, size[0] - 1, size[1] - 1)

    @classmethod
    def from_geometries_list(cls, geometries: Iterable[Geometry]) -> Rectangle:
        """The smallest rectangle around all geometries. ValueError for an empty list."""
        boxes = [geometry.to_bbox() for geometry in geometries]
        if not boxes:
            raise ValueError("No geometries provided to create a Rectangle.")
        return cls(
            top=min(box.top for box in boxes),
            left=min(box.left for box in boxes),
            bottom=max(box.bottom for box in boxes),
            right=max(box.right for box in boxes),
        )

    @property
    def top(self) -> int:
        """First row."""
        return self._top

    @property
    def left(self) -> int:
        """First column."""
        return self._left

    @property
    def bottom(self) -> int:
        """Last row."""
        return self._bottom

    @property
    def right(self) -> int:
        """Last column."""
        return self._right

    @property
    def width(self) -> int:
        """Number of columns, at least 1."""
        return self._right - self._left + 1

    @property
    def height(self) -> int:
        """Number of rows, at least 1."""
        return self._bottom - self._top + 1

    @property
    def center(self) -> PointLocation:
        """The middle pixel; for an even size, the upper left of the middle pixels."""
        return PointLocation((self._top + self._bottom) // 2, (self._left + self._right) // 2)

    @property
    def corners(self) -> list[PointLocation]:
        """Corner pixels, clockwise from the top left."""
        top, left, bottom, right = self._top, self._left, self._bottom, self._right
        return [PointLocation(*place) for place in ((top, left), (top, right), (bottom, right), (bottom, left))]

    @property
    def area(self) -> float:
        return float(self.width * self.height)

    def to_size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    def to_bbox(self) -> Rectangle:
        return self.clone()

    def contains(self, rect: Rectangle) -> bool:
        """Whether all pixels of rect lie inside."""
        return (
            self._left <= rect._left
            and self._right >= rect._right
            and self._top <= rect._top
            and self._bottom >= rect._bottom
        )

    def contains_point_location(self, pt: PointLocation) -> bool:
        """Whether the pixel lies inside."""
        return self._left <= pt.col <= self._right and self._top <= pt.row <= self._bottom

    def intersects_with(self, rect: Rectangle) -> bool:
        """Whether the two rectangles share a pixel."""
        return (
            self._left <= rect._right
            and self._right >= rect._left
            and self._top <= rect._bottom
            and self._bottom >= rect._top
        )

    def get_cropped_numpy_slice(self, data: Array) -> Array:
        """A view of the pixels inside the rectangle, for an image (h, w) or (h, w, c)."""
        return data[self._top : self._bottom + 1, self._left : self._right + 1, ...]

    def _to_json_impl(self) -> dict[str, Any]:
        return {POINTS: {EXTERIOR: [[self._left, self._top], [self._right, self._bottom]], INTERIOR: []}}

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Rectangle:
        exterior = exterior_of(data).tolist()
        if len(exterior) != 2:
            raise ValueError(
                f'"exterior" field must contain exactly two points to create Rectangle object, not {len(exterior)}.'
            )
        (x1, y1), (x2, y2) = exterior
        return cls(top=min(y1, y2), left=min(x1, x2), bottom=max(y1, y2), right=max(x1, x2))

    def crop(self, other: Rectangle) -> list[Rectangle]:
        if not self.intersects_with(other):
            return []
        return [
            Rectangle(
                top=max(self._top, other._top),
                left=max(self._left, other._left),
                bottom=min(self._bottom, other._bottom),
                right=min(self._right, other._right),
            )
        ]

    def _transform(self, move: Callable[[PointLocation], PointLocation]) -> Rectangle:
        corners = [move(corner) for corner in self.corners]
        rows = [corner.row for corner in corners]
        cols = [corner.col for corner in corners]
        return Rectangle(top=min(rows), left=min(cols), bottom=max(rows), right=max(cols))

    def rotate(self, rotator: ImageRotator) -> Rectangle:
        return self._transform(rotator.transform_point)

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Rectangle:
        return self._transform(lambda corner: corner.resize(in_size, out_size))

    def scale(self, factor: float) -> Rectangle:
        return self._transform(lambda corner: corner.scale(factor))

    def translate(self, drow: int, dcol: int) -> Rectangle:
        return Rectangle(self._top + drow, self._left + dcol, self._bottom + drow, self._right + dcol)

    def fliplr(self, img_size: Sequence[int]) -> Rectangle:
        return self._transform(lambda corner: corner.fliplr(img_size))

    def flipud(self, img_size: Sequence[int]) -> Rectangle:
        return self._transform(lambda corner: corner.flipud(img_size))

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        self._draw_contour_impl(bitmap, color, cv2.FILLED, config)

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        corners = ((self._left, self._top), (self._right, self._bottom))
        paint(bitmap, color, lambda canvas, ink: cv2.rectangle(canvas, *corners, color=ink, thickness=thickness))

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        from supervisely_lib.geometry.any_geometry import AnyGeometry
        from supervisely_lib.geometry.bitmap import Bitmap
        from supervisely_lib.geometry.polygon import Polygon

        return [AnyGeometry, Bitmap, Polygon]
