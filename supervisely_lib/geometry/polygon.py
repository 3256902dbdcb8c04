"""Polygons with holes (contract: project_format.md 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from supervisely_lib.geometry.drawing import Array, every_channel, fill, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.vector_geometry import Points, VectorGeometry
from supervisely_lib.sly_logger import logger


def _ring(ring: Array, field: str) -> Array:
    """At least three points: the last point is repeated if needed, as in the official SDK of 2026."""
    if len(ring) == 0:
        raise ValueError(f'"{field}" field must contain at least 3 points to create "Polygon" object, not 0.')
    if len(ring) < 3:
        logger.warning(
            '"%s" field must contain at least 3 points to create "Polygon" object, not %d.', field, len(ring)
        )
        ring = np.concatenate([ring, np.repeat(ring[-1:], 3 - len(ring), axis=0)])
    return ring


class Polygon(VectorGeometry):
    """An outer ring and holes. The rings are not closed explicitly; border pixels belong to the polygon."""

    @staticmethod
    def geometry_name() -> str:
        return "polygon"

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
        super().__init__(exterior, interior, sly_id, class_id, labeler_login, updated_at, created_at)

    def _set_rings(self, exterior: Array, interior: list[Array]) -> None:
        super()._set_rings(_ring(exterior, "exterior"), [_ring(hole, "interior") for hole in interior])

    def crop(self, rect: Rectangle) -> list[Polygon]:
        """Parts inside rect. A part without area, where the polygon only touches rect, is left out."""
        from supervisely_lib.geometry._shapely import CANNOT_CUT  # only for polygons that leave the image
        from supervisely_lib.geometry._shapely import Polygon as Outline

        window = Outline([(p.row, p.col) for p in rect.corners])
        try:
            # buffer(0) mends rings that cross themselves; coordinates in the official order, row first
            outline = Outline(self.exterior_np, holes=self.interior_np).buffer(0)
            clipped = outline.intersection(window)
        except CANNOT_CUT:
            logger.warning("Polygon cropping exception, shapely.", exc_info=True)
            return []
        return [self._from_outline(part) for part in _polygons(clipped)]

    @classmethod
    def _from_outline(cls, outline: Any) -> Polygon:
        rings = [
            np.rint(np.array(ring.coords)[:-1, ::-1]).astype(np.int32)
            for ring in (outline.exterior, *outline.interiors)
        ]
        return cls._from_rings(np.ascontiguousarray(rings[0]), [np.ascontiguousarray(ring) for ring in rings[1:]])

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        if not self._interior:
            ink = every_channel(bitmap, color)
            paint(bitmap, ink, lambda canvas, ink: cv2.fillPoly(canvas, [self._drawn(self._exterior)], ink))
            return

        # The holes are cleared in a mask of their own. It is as small as the polygon, unless the polygon leaves
        # the canvas: OpenCV clips edges at the border, and the same border gives the same pixels.
        exterior, *interior = map(self._drawn, self._rings())
        points = np.concatenate([exterior, *interior])
        left, top = points.min(axis=0).tolist()
        right, bottom = points.max(axis=0).tolist()
        rows, cols = bitmap.shape[:2]
        if left < 0 or top < 0 or right >= cols or bottom >= rows:
            left, top, right, bottom = 0, 0, cols - 1, rows - 1
        mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
        offset = (-left, -top)
        cv2.fillPoly(mask, [exterior], 1, offset=offset)
        cv2.fillPoly(mask, interior, 0, offset=offset)
        fill(bitmap[top : bottom + 1, left : right + 1], mask.view(np.bool_), color)

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        rings = list(map(self._drawn, self._rings()))
        paint(bitmap, color, lambda canvas, ink: cv2.polylines(canvas, rings, True, ink, thickness))

    @property
    def area(self) -> float:
        """Area inside the outer ring's lines (through pixel centres) less that of the holes."""
        return _ring_area(self._exterior) - sum(_ring_area(hole) for hole in self._interior)

    def approx_dp(self, epsilon: float) -> Polygon:
        """The polygon with fewer points; no border moves by more than epsilon pixels (Douglas-Peucker)."""
        simple = [self._approx_ring_dp(ring, epsilon, closed=True) for ring in self._rings()]
        return self._from_rings(simple[0], simple[1:])

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        from supervisely_lib.geometry.any_geometry import AnyGeometry
        from supervisely_lib.geometry.bitmap import Bitmap

        return [AnyGeometry, Rectangle, Bitmap]


def _ring_area(ring: Array) -> float:
    x, y = ring.astype(np.float64).T
    return float(0.5 * abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))))


def _polygons(figure: Any) -> Iterator[Any]:
    """The polygons in a result of shapely, which may also hold points and lines."""
    if figure.geom_type == "Polygon":
        if not figure.is_empty:
            yield figure
    else:
        for part in getattr(figure, "geoms", ()):
            yield from _polygons(part)
