"""Masks (contract: project_format.md 4, bitmap encoding)."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.geometry.bitmap_base import BitmapBase
from supervisely_lib.geometry.constants import BITMAP
from supervisely_lib.geometry.drawing import Array, fill, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.inflate import inflate
from supervisely_lib.geometry.mask_png import decode_mask, decode_plain_mask, encode_mask
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator
    from supervisely_lib.geometry.polygon import Polygon


_MOST_BYTES = 256 << 20  # of a PNG; the largest mask that can be decoded takes half of it


class SkeletonizeMethod(Enum):
    """Ways to thin a mask to lines; scikit-image does the work."""

    SKELETONIZE = 0
    MEDIAL_AXIS = 1
    THINNING = 2


def _as_bool(data: Array) -> Array:
    """Masks of 0 and 1, or 0 and 255, as bool. ValueError for other values."""
    if data.dtype == np.bool_:
        return data
    mask = np.asarray(data != 0)
    on = data[mask]
    if on.size and not ((on == 1).all() or (on == 255).all()):
        values = np.unique(data).tolist()
        raise ValueError(
            "Bitmap mask data values must be one of: [0 1], [0 255], [True, False]. "
            f"Instead got {values[:8]}{' …' if len(values) > 8 else ''}."
        )
    return mask


def _span(line: Any) -> tuple[int, int]:
    """First and last true index of bool (n,)."""
    return int(line.argmax()), len(line) - 1 - int(line[::-1].argmax())


class Bitmap(BitmapBase):
    """A mask, bool (h, w), cropped to the smallest rectangle that holds its pixels."""

    @staticmethod
    def geometry_name() -> str:
        return BITMAP

    @classmethod
    def _impl_json_class_name(cls) -> str:
        return BITMAP

    def __init__(
        self,
        data: Array,
        origin: PointLocation | None = None,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
        extra_validation: bool = True,
    ) -> None:
        """data: bool (h, w), or numbers 0 and 1 or 0 and 255. Its top left pixel lies at origin.

        ValueError for a mask without pixels, or with other values.
        """
        super().__init__(data, origin, 2, sly_id, class_id, labeler_login, updated_at, created_at)
        mask = _as_bool(data) if extra_validation else data.astype(np.bool_, copy=False)
        row, col = self._origin.row, self._origin.col
        if mask.size == 0:
            raise ValueError("Creating a bitmap with an empty mask (no pixels set to True) is not supported.")
        if not (mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()):
            top, bottom = _span(mask.any(axis=1))
            left, right = _span(mask.any(axis=0))
            mask = mask[top : bottom + 1, left : right + 1]
            row, col = row + top, col + left
            if not mask[0].any():
                raise ValueError("Creating a bitmap with an empty mask (no pixels set to True) is not supported.")
        # A copy, so that the caller may change its array. A mask that was read from a file needs no copy.
        shared = mask.base is not None or mask is data
        self._data = mask.copy() if shared and mask.flags.writeable else np.ascontiguousarray(mask)
        self._data.flags.writeable = False
        self._origin = PointLocation(row, col)

    @staticmethod
    def base64_2_data(s: str) -> Array:
        """Annotation text → bool (h, w). ValueError or RuntimeError if the text is not an encoded mask."""
        try:
            packed = base64.b64decode(s)
        except (binascii.Error, ValueError) as e:
            raise ValueError(f"The bitmap's data is not base64: {e}.") from e
        try:
            mask = decode_mask(inflate(packed, _MOST_BYTES, "bitmap's data"))
        except zlib.error:
            mask = decode_plain_mask(packed)
        mask.flags.writeable = False
        return mask

    @staticmethod
    def data_2_base64(mask: Array) -> str:
        """bool (h, w) → annotation text: base64 of zlib of a PNG."""
        png = encode_mask(np.asarray(mask, np.bool_))
        return base64.b64encode(zlib.compress(png)).decode("ascii")

    @classmethod
    def from_path(cls, path: str) -> Bitmap:
        """The mask in an image file: first channel, 0 and 255."""
        from supervisely_lib.imaging.image import read

        return cls(read(path)[:, :, 0])

    @property
    def area(self) -> float:
        """Number of pixels."""
        return float(np.count_nonzero(self._data))

    def crop(self, rect: Rectangle) -> list[Bitmap]:
        boxes = self.to_bbox().crop(rect)
        if not boxes:
            return []
        box = boxes[0]
        part = box.translate(-self._origin.row, -self._origin.col).get_cropped_numpy_slice(self._data)
        return [self._at(part, box.top, box.left)] if part.any() else []

    def rotate(self, rotator: ImageRotator) -> Bitmap:
        canvas = np.zeros(rotator.src_imsize, np.uint8)
        self.draw(canvas, 1)
        return Bitmap(rotator.rotate_img(canvas, use_inter_nearest=True) != 0)

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        rows, cols = bitmap.shape[:2]
        top, left = self._origin.row, self._origin.col
        bottom, right = top + self._data.shape[0], left + self._data.shape[1]
        part, mask = bitmap[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)], self._data
        if top < 0 or left < 0 or bottom > rows or right > cols:
            mask = mask[max(-top, 0) : max(rows - top, 0), max(-left, 0) : max(cols - left, 0)]
        if part.size:
            fill(part, mask, color)

    def _contours(self, mode: int) -> tuple[Any, Any]:
        """OpenCV's contours, shifted to the origin, and their hierarchy (or None)."""
        import cv2

        found = cv2.findContours(self._data.view(np.uint8), mode, cv2.CHAIN_APPROX_SIMPLE)
        contours, hierarchy = found[-2:]  # OpenCV 3 returns the image first
        shift = np.array([self._origin.col, self._origin.row], np.int32)
        return [contour + shift for contour in contours], hierarchy

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        import cv2

        contours, _ = self._contours(cv2.RETR_LIST)
        paint(bitmap, color, lambda canvas, ink: cv2.drawContours(canvas, contours, -1, ink, thickness))

    def to_contours(self) -> list[Polygon]:
        """A polygon with its holes for each connected part of at least three border points."""
        import cv2

        from supervisely_lib.geometry.polygon import Polygon

        contours, hierarchy = self._contours(cv2.RETR_CCOMP)
        if hierarchy is None:
            return []
        rings = [contour[:, 0] for contour in contours]
        polygons = []
        for ring, (_, _, child, parent) in zip(rings, hierarchy[0].tolist()):
            if parent >= 0 or len(ring) < 3:
                continue
            holes = []
            while child >= 0:
                holes.append(rings[child])
                child = hierarchy[0][child][0]
            polygons.append(Polygon._from_rings(ring, holes))
        return polygons

    def skeletonize(self, method_id: SkeletonizeMethod) -> Bitmap:
        """Thinned to lines of one pixel. Needs scikit-image."""
        from skimage import morphology  # type: ignore[attr-defined]

        methods = {
            SkeletonizeMethod.SKELETONIZE: morphology.skeletonize,
            SkeletonizeMethod.MEDIAL_AXIS: morphology.medial_axis,
            SkeletonizeMethod.THINNING: morphology.thin,
        }
        thin = methods[method_id](self._data.copy())  # some versions refuse an array that must not be written
        return self._at(thin.astype(np.bool_), self._origin.row, self._origin.col)

    def bitwise_mask(self, full_target_mask: Array, bit_op: Callable[[Array, Array], Array]) -> Bitmap | None:
        """Apply bit_op to a mask (height, width) of the whole image and this mask, within the rectangle of this mask.

        None if no pixel is left.
        """
        full = np.zeros(full_target_mask.shape[:2], np.bool_)
        self.draw(full, True)
        part = self.to_bbox().get_cropped_numpy_slice(bit_op(full_target_mask, full).astype(np.bool_))
        return self._at(part, self._origin.row, self._origin.col) if part.any() else None

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        from supervisely_lib.geometry.any_geometry import AnyGeometry
        from supervisely_lib.geometry.polygon import Polygon

        return [AnyGeometry, Polygon, Rectangle]
