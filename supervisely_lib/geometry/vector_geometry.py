"""Shapes made of points: the common base of polygons and lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Sequence, Union

import numpy as np

from supervisely_lib.geometry.constants import EXTERIOR, INTERIOR, POINTS
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.validation import as_pixels, int_points, rings_of

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python has it since 3.11

    from supervisely_lib.geometry.image_rotator import ImageRotator

Points = Union[Sequence[PointLocation], Sequence[Sequence[float]]]

_FAR = 1 << 30


def _xy(points: Points, field: str) -> Array:
    """PointLocations or (row, col) pairs as int32 (N, 2), x before y."""
    if not isinstance(points, (list, tuple)):
        raise TypeError(f'Argument "{field}" must be a list of coordinates')
    pairs = [(p.row, p.col) if isinstance(p, PointLocation) else p for p in points]
    return np.ascontiguousarray(int_points(pairs, field)[:, ::-1])


def _locations(ring: Array) -> list[PointLocation]:
    return [PointLocation(row, col) for col, row in ring.tolist()]


class VectorGeometry(Geometry):
    """An outer ring or a path, and for polygons also holes.

    Rings are kept as int32 arrays (N, 2), x before y, as in files and for OpenCV; as int64 where a point lies too far.
    """

    _exterior: Array
    _interior: list[Array]

    def __init__(
        self,
        exterior: Points,
        interior: Sequence[Points] = (),
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        """Points are PointLocations or (row, col) pairs; fractions are rounded. TypeError, ValueError."""
        super().__init__(sly_id, class_id, labeler_login, updated_at, created_at)
        if not isinstance(interior, (list, tuple)):
            raise TypeError('Argument "interior" must be a list of lists with coordinates')
        self._set_rings(_xy(exterior, EXTERIOR), [_xy(ring, INTERIOR) for ring in interior])

    def _set_rings(self, exterior: Array, interior: list[Array]) -> None:
        self._exterior = exterior
        self._interior = interior

    @classmethod
    def _from_rings(cls, exterior: Array, interior: Iterable[Array] = ()) -> Self:
        result = cls.__new__(cls)
        result._set_rings(exterior, list(interior))
        return result

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Self:
        return cls._from_rings(*rings_of(data))

    def _to_json_impl(self) -> dict[str, Any]:
        return {POINTS: {EXTERIOR: self._exterior.tolist(), INTERIOR: [ring.tolist() for ring in self._interior]}}

    @property
    def exterior(self) -> list[PointLocation]:
        """Points of the outer ring or path."""
        return _locations(self._exterior)

    @property
    def interior(self) -> list[list[PointLocation]]:
        """Points of each hole."""
        return [_locations(ring) for ring in self._interior]

    @property
    def exterior_np(self) -> Array:
        """int64 (N, 2): row, column of each point."""
        return self._exterior[:, ::-1].astype(np.int64)

    @property
    def interior_np(self) -> list[Array]:
        """As exterior_np, for each hole."""
        return [ring[:, ::-1].astype(np.int64) for ring in self._interior]

    def _rings(self) -> list[Array]:
        return [self._exterior, *self._interior]

    @staticmethod
    def _drawn(ring: Array) -> Array:
        """The ring as OpenCV takes it; points out of its range are moved to the border of the range."""
        return ring if ring.dtype == np.int32 else ring.clip(-_FAR, _FAR).astype(np.int32)

    def _move(self, move: Callable[[Array], Array]) -> Self:
        """A shape whose rings a function has moved, float64 (N, 2), x before y; results are rounded half to even."""
        moved = [as_pixels(np.rint(move(ring.astype(np.float64)))) for ring in self._rings()]
        return self._from_rings(moved[0], moved[1:])

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Self:
        from supervisely_lib.imaging.sizes import restore_proportional_size

        height, width = restore_proportional_size(in_size, out_size)
        factors = np.array([width / in_size[1], height / in_size[0]])
        return self._move(lambda ring: ring * factors)

    def scale(self, factor: float) -> Self:
        return self._move(lambda ring: ring * factor)

    def translate(self, drow: int, dcol: int) -> Self:
        offset = np.array([dcol, drow])
        return self._move(lambda ring: ring + offset)

    def rotate(self, rotator: ImageRotator) -> Self:
        return self._move(rotator.transform_xy)

    def fliplr(self, img_size: Sequence[int]) -> Self:
        return self._move(lambda ring: ring * [-1, 1] + [img_size[1], 0])

    def flipud(self, img_size: Sequence[int]) -> Self:
        return self._move(lambda ring: ring * [1, -1] + [0, img_size[0]])

    def _lies_in(self, rect: Rectangle) -> bool:
        left, top = np.minimum.reduce(self._exterior).tolist()
        right, bottom = np.maximum.reduce(self._exterior).tolist()
        return bool(rect.left <= left and right <= rect.right and rect.top <= top and bottom <= rect.bottom)

    def to_bbox(self) -> Rectangle:
        left, top = self._exterior.min(axis=0).tolist()
        right, bottom = self._exterior.max(axis=0).tolist()
        return Rectangle(top, left, bottom, right)

    @staticmethod
    def _approx_ring_dp(ring: Array, epsilon: float, closed: bool) -> Array:
        import cv2

        simple: Array = cv2.approxPolyDP(ring, epsilon, closed)[:, 0]
        return ring if closed and len(simple) < 3 else simple
