"""Boxes in perspective: three visible faces, each with four of the points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from supervisely_lib.geometry.constants import POINTS
from supervisely_lib.geometry.drawing import Array, fill, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.validation import int_points

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator

FACES = "faces"
_CORNERS, _COUNT = 4, 3  # of a face; of the visible faces


class CuboidFace:
    """A face: the numbers of its four points."""

    def __init__(self, a: int, b: int, c: int, d: int) -> None:
        self._numbers = [a, b, c, d]

    @property
    def a(self) -> int:
        """The first point."""
        return self._numbers[0]

    @property
    def b(self) -> int:
        """The second point."""
        return self._numbers[1]

    @property
    def c(self) -> int:
        """The third point."""
        return self._numbers[2]

    @property
    def d(self) -> int:
        """The fourth point."""
        return self._numbers[3]

    def tolist(self) -> list[int]:
        """The four numbers."""
        return self._numbers.copy()

    def to_json(self) -> list[int]:
        return self.tolist()

    @classmethod
    def from_json(cls, data: Sequence[int]) -> CuboidFace:
        """ValueError unless the data has four numbers."""
        if not isinstance(data, (list, tuple)) or len(data) != _CORNERS:
            raise ValueError(f"CuboidFace JSON data must have exactly {_CORNERS} indices.")
        return cls(*data)


class Cuboid(Geometry):
    """Points, and the three faces that are seen."""

    @staticmethod
    def geometry_name() -> str:
        return "cuboid"

    def __init__(
        self,
        points: Iterable[PointLocation],
        faces: Iterable[CuboidFace],
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        """ValueError unless there are three faces, each of four of the points."""
        super().__init__(sly_id, class_id, labeler_login, updated_at, created_at)
        self._points, self._faces = list(points), list(faces)
        if len(self._faces) != _COUNT:
            raise ValueError(f"A cuboid must have exactly {_COUNT} faces. Instead got {len(self._faces)} faces.")
        for face in self._faces:
            for number in face.tolist():
                if type(number) is not int or not 0 <= number < len(self._points):
                    raise ValueError(f"A face of the cuboid has point {number!r}; it has {len(self._points)} points.")

    @property
    def points(self) -> list[PointLocation]:
        """All points."""
        return self._points.copy()

    @property
    def faces(self) -> list[CuboidFace]:
        """The three faces."""
        return self._faces.copy()

    def _to_json_impl(self) -> dict[str, Any]:
        places = [[point.col, point.row] for point in self._points]
        return {POINTS: places, FACES: [face.to_json() for face in self._faces]}

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Cuboid:
        for field in (POINTS, FACES):
            if not isinstance(data.get(field), list):
                raise ValueError(f"Field {field!r} of a cuboid must be a list.")
        places = int_points(data[POINTS], POINTS).tolist()
        faces = [CuboidFace.from_json(face) for face in data[FACES]]
        return cls([PointLocation(row, col) for col, row in places], faces)

    def _corners(self) -> list[list[PointLocation]]:
        return [[self._points[number] for number in face.tolist()] for face in self._faces]

    def _outlines(self) -> list[Array]:
        """int32 (4, 2) for each face, x before y."""
        return [np.array([[p.col, p.row] for p in face], np.int32) for face in self._corners()]

    def crop(self, rect: Rectangle) -> list[Cuboid]:
        """The cuboid itself if all its faces lie inside, else an empty list."""
        inside = all(rect.contains_point_location(point) for face in self._corners() for point in face)
        return [self] if inside else []

    def _moved(self, move: Callable[[PointLocation], PointLocation]) -> Cuboid:
        return Cuboid([move(point) for point in self._points], self._faces)

    def rotate(self, rotator: ImageRotator) -> Cuboid:
        return self._moved(rotator.transform_point)

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Cuboid:
        return self._moved(lambda point: point.resize(in_size, out_size))

    def scale(self, factor: float) -> Cuboid:
        return self._moved(lambda point: point.scale(factor))

    def translate(self, drow: int, dcol: int) -> Cuboid:
        return self._moved(lambda point: point.translate(drow, dcol))

    def fliplr(self, img_size: Sequence[int]) -> Cuboid:
        return self._moved(lambda point: point.fliplr(img_size))

    def flipud(self, img_size: Sequence[int]) -> Cuboid:
        return self._moved(lambda point: point.flipud(img_size))

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        mask = np.zeros(bitmap.shape[:2], np.uint8)
        for outline in self._outlines():
            cv2.fillPoly(mask, [outline], 1)
        fill(bitmap, mask.view(np.bool_), color)

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        paint(bitmap, color, lambda canvas, ink: cv2.polylines(canvas, self._outlines(), True, ink, thickness))

    def to_bbox(self) -> Rectangle:
        rows = [point.row for face in self._corners() for point in face]
        cols = [point.col for face in self._corners() for point in face]
        return Rectangle(min(rows), min(cols), max(rows), max(cols))

    @property
    def area(self) -> float:
        """Number of pixels that the faces cover."""
        box = self.to_bbox()
        canvas = np.zeros(box.to_size(), np.bool_)
        self.translate(-box.top, -box.left).draw(canvas, True)
        return float(np.count_nonzero(canvas))

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        from supervisely_lib.geometry.any_geometry import AnyGeometry

        return [AnyGeometry, Rectangle]
