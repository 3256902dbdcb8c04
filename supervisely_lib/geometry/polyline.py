"""Open paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from supervisely_lib.geometry.drawing import Array, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.vector_geometry import Points, VectorGeometry


class Polyline(VectorGeometry):
    """A path through at least two points; its shape name in files is "line"."""

    @staticmethod
    def geometry_name() -> str:
        return "line"

    def __init__(
        self,
        exterior: Points,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        super().__init__(exterior, (), sly_id, class_id, labeler_login, updated_at, created_at)

    def _set_rings(self, exterior: Array, interior: list[Array]) -> None:
        if len(exterior) < 2:
            raise ValueError(
                f'"exterior" field must contain at least two points to create "Polyline" object, not {len(exterior)}.'
            )
        super()._set_rings(exterior, [])

    def crop(self, rect: Rectangle) -> list[Polyline]:
        """The pieces inside rect; pieces with a common end are joined.

        Cut ends are rounded down, as in the official SDK.
        """
        from supervisely_lib.geometry._shapely import LineString  # only for lines that leave the image
        from supervisely_lib.geometry._shapely import Polygon as Outline

        window = Outline([(p.row, p.col) for p in rect.corners])
        clipped = LineString(self.exterior_np).intersection(window)
        pieces: list[list[Sequence[float]]] = []
        for line in _lines(clipped):
            points = list(line.coords)
            if pieces and pieces[-1][-1] == points[0]:
                pieces[-1] += points[1:]
            else:
                pieces.append(points)
        return [self._from_rings(np.floor(np.array(piece)[:, ::-1]).astype(np.int32, order="C")) for piece in pieces]

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        self._draw_contour_impl(bitmap, color, thickness, config)

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        width = max(1, thickness)
        paint(
            bitmap, color, lambda canvas, ink: cv2.polylines(canvas, [self._drawn(self._exterior)], False, ink, width)
        )

    @property
    def area(self) -> float:
        return 0.0

    def approx_dp(self, epsilon: float) -> Polyline:
        """The path with fewer points; it moves by no more than epsilon pixels (Douglas-Peucker)."""
        return self._from_rings(self._approx_ring_dp(self._exterior, epsilon, closed=False))

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        from supervisely_lib.geometry.any_geometry import AnyGeometry
        from supervisely_lib.geometry.bitmap import Bitmap
        from supervisely_lib.geometry.polygon import Polygon

        return [AnyGeometry, Rectangle, Bitmap, Polygon]


def _lines(figure: Any) -> list[Any]:
    """The paths in a result of shapely, which may also hold points."""
    if figure.geom_type == "LineString":
        return [] if figure.is_empty else [figure]
    return [line for part in getattr(figure, "geoms", ()) for line in _lines(part)]
