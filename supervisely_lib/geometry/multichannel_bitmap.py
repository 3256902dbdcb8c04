"""Score maps: several numbers per pixel. Inference uses them internally; saved projects never have them."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.geometry.bitmap_base import BitmapBase
from supervisely_lib.geometry.constants import MULTICHANNEL_BITMAP
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.inflate import inflate
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator

_MOST_BYTES = 4 << 30  # 64 scores for each pixel of a large photograph
_NAME_OF_2026 = "multichannelBitmap"


def _require_all_numbers(file: io.BytesIO) -> None:
    """ValueError unless it is a .npy file of all numbers that it claims, which numpy makes room for before it reads."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"A score map cannot be a .npy file of version {version}.")
    try:
        shape, _, kind = read(file)
    except Exception as e:  # numpy evaluates the header as Python's literals, which fail in many ways
        raise ValueError("The score map's .npy header cannot be read.") from e
    count = 1
    for length in shape:
        count *= int(length)
    has = file.getbuffer().nbytes - file.tell()
    if kind.kind not in "biuf" or min(shape, default=0) < 0 or count * kind.itemsize > has:
        raise ValueError(f"The score map claims {shape} numbers of type {kind}, and has {has} bytes.")
    file.seek(0)


class MultichannelBitmap(BitmapBase):
    """An array (h, w, c) of any numeric type."""

    @staticmethod
    def geometry_name() -> str:
        return MULTICHANNEL_BITMAP

    @classmethod
    def _impl_json_class_name(cls) -> str:
        return MULTICHANNEL_BITMAP

    def __init__(
        self,
        data: Array,
        origin: PointLocation | None = None,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        super().__init__(data, origin, 3, sly_id, class_id, labeler_login, updated_at, created_at)
        self._data = data.copy()

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> MultichannelBitmap:
        if _NAME_OF_2026 in data:
            data = {**data, MULTICHANNEL_BITMAP: data[_NAME_OF_2026]}
        return super()._from_json_impl(data)

    @staticmethod
    def base64_2_data(s: str) -> Array:
        """base64 of zlib of a .npy file → the array.

        ValueError for anything else, and for a file that claims other numbers than it has.
        """
        file = io.BytesIO(inflate(base64.b64decode(s), _MOST_BYTES, "score map"))
        _require_all_numbers(file)
        array: Array = np.load(file, allow_pickle=False)
        return array

    @staticmethod
    def data_2_base64(data: Array) -> str:
        """The array → base64 of zlib of a .npy file."""
        file = io.BytesIO()
        np.save(file, data, allow_pickle=False)
        return base64.b64encode(zlib.compress(file.getvalue())).decode("ascii")

    @property
    def area(self) -> float:
        """Number of pixels of its rectangle."""
        return float(self._data.shape[0] * self._data.shape[1])

    def crop(self, rect: Rectangle) -> list[MultichannelBitmap]:
        boxes = self.to_bbox().crop(rect)
        relative = [box.translate(-self._origin.row, -self._origin.col) for box in boxes]
        return [
            self._at(part.get_cropped_numpy_slice(self._data), box.top, box.left) for box, part in zip(boxes, relative)
        ]

    def rotate(self, rotator: ImageRotator) -> MultichannelBitmap:
        canvas = np.zeros((*rotator.src_imsize, self._data.shape[2]), self._data.dtype)
        self.to_bbox().get_cropped_numpy_slice(canvas)[...] = self._data
        rotated = rotator.rotate_img(canvas, use_inter_nearest=True)
        rotated = rotated.reshape(*rotated.shape[:2], -1)  # OpenCV drops a single channel
        box = self.to_bbox().rotate(rotator)
        return self._at(box.get_cropped_numpy_slice(rotated), box.top, box.left)

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        self.to_bbox().get_cropped_numpy_slice(bitmap)[...] = color

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        self.to_bbox().draw_contour(bitmap, color, thickness)

    def validate(self, obj_class_shape: str, settings: Any) -> None:
        """Any class may have scores."""
