"""Arrays of pixels with an origin: the common base of masks and score maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.geometry.constants import DATA, ORIGIN
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.validation import int_points
from supervisely_lib.imaging.sizes import restore_proportional_size

if TYPE_CHECKING:
    from typing_extensions import Self  # for type checkers only: Python has it since 3.11


def resize_origin_and_bitmap(
    origin: PointLocation, bitmap: Array, in_size: Sequence[int], out_size: Sequence[int]
) -> tuple[PointLocation, Array]:
    """Origin and pixels after the image is resized from in_size to out_size (height, width)."""
    from supervisely_lib.imaging.image import resize_inter_nearest

    height, width = restore_proportional_size(in_size=in_size, out_size=out_size)
    row_scale, col_scale = height / in_size[0], width / in_size[1]
    size = max(round(bitmap.shape[0] * row_scale), 1), max(round(bitmap.shape[1] * col_scale), 1)
    return origin.scale_frow_fcol(row_scale, col_scale), resize_inter_nearest(bitmap, size)


class BitmapBase(Geometry):
    """An array (h, w) or (h, w, c) whose top left pixel lies at `origin`."""

    _origin: PointLocation
    _data: Array

    def __init__(
        self,
        data: Array,
        origin: PointLocation | None = None,
        expected_data_dims: int | None = None,
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        super().__init__(sly_id, class_id, labeler_login, updated_at, created_at)
        if origin is None:
            origin = PointLocation(0, 0)
        if not isinstance(origin, PointLocation):
            raise TypeError('BitmapBase "origin" argument must be "PointLocation" object!')
        if not isinstance(data, np.ndarray):
            raise TypeError('BitmapBase "data" argument must be numpy array object!')
        if expected_data_dims is not None and data.ndim != expected_data_dims:
            raise ValueError(
                f'BitmapBase "data" argument must be a {expected_data_dims}-dimensional numpy array. '
                f"Instead got {data.ndim} dimensions"
            )
        self._origin = origin
        self._data = data

    @classmethod
    def _at(cls, data: Array, row: int, col: int) -> Self:
        """A shape of the same type with these pixels at this origin."""
        return cls(data, PointLocation(row, col))

    @classmethod
    def _impl_json_class_name(cls) -> str:
        """Key of the shape in an annotation object."""
        raise NotImplementedError

    @staticmethod
    def base64_2_data(s: str) -> Array:
        """The pixels of a string from a file."""
        raise NotImplementedError

    @staticmethod
    def data_2_base64(data: Array) -> str:
        """The pixels as a string for a file."""
        raise NotImplementedError

    def _to_json_impl(self) -> dict[str, Any]:
        origin = [self._origin.col, self._origin.row]
        return {self._impl_json_class_name(): {ORIGIN: origin, DATA: self.data_2_base64(self._data)}}

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> Self:
        key = cls._impl_json_class_name()
        body = data.get(key)
        if not isinstance(body, Mapping) or ORIGIN not in body or DATA not in body:
            raise ValueError(f"Data must contain {key} field with {ORIGIN} and {DATA} fields.")
        if not isinstance(body[DATA], str):
            raise TypeError(f"{key}.{DATA} field must be a string.")
        col, row = int_points([body[ORIGIN]], f"{key}.{ORIGIN}")[0].tolist()
        return cls._at(cls.base64_2_data(body[DATA]), row, col)

    @property
    def origin(self) -> PointLocation:
        """The location of the top left pixel."""
        return self._origin

    @property
    def data(self) -> Array:
        """A copy of the pixels."""
        return self._data.copy()

    def to_bbox(self) -> Rectangle:
        height, width = self._data.shape[:2]
        row, col = self._origin.row, self._origin.col
        return Rectangle(row, col, row + height - 1, col + width - 1)

    def translate(self, drow: int, dcol: int) -> Self:
        return self._at(self._data, self._origin.row + drow, self._origin.col + dcol)

    def fliplr(self, img_size: Sequence[int]) -> Self:
        return self._at(self._data[:, ::-1], self._origin.row, img_size[1] - self._data.shape[1] - self._origin.col)

    def flipud(self, img_size: Sequence[int]) -> Self:
        return self._at(self._data[::-1], img_size[0] - self._data.shape[0] - self._origin.row, self._origin.col)

    def scale(self, factor: float) -> Self:
        from supervisely_lib.imaging.image import resize_inter_nearest

        size = round(self._data.shape[0] * factor), round(self._data.shape[1] * factor)
        origin = self._origin.scale(factor)
        return self._at(resize_inter_nearest(self._data, size), origin.row, origin.col)

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> Self:
        origin, data = resize_origin_and_bitmap(self._origin, self._data, in_size, out_size)
        return self._at(data, origin.row, origin.col)
