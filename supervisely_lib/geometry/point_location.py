"""The location of a pixel: row and column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from supervisely_lib.geometry.constants import EXTERIOR, INTERIOR, POINTS
from supervisely_lib.imaging.sizes import restore_proportional_size
from supervisely_lib.io.json import JsonSerializable

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator


def whole(value: Any) -> int:
    """A coordinate as int: numbers, numpy scalars and tensors of one element, rounded half to even."""
    number: float = value.item() if hasattr(value, "item") else value
    return round(number)


class PointLocation(JsonSerializable):
    """Row and column of a pixel, integers. Immutable."""

    __slots__ = ("_col", "_row")

    def __init__(self, row: float, col: float) -> None:
        self._row = row if type(row) is int else whole(row)
        self._col = col if type(col) is int else whole(col)

    @property
    def row(self) -> int:
        """Pixels from the top."""
        return self._row

    @property
    def col(self) -> int:
        """Pixels from the left."""
        return self._col

    def __repr__(self) -> str:
        return f"PointLocation(row={self._row}, col={self._col})"

    def to_json(self) -> dict[str, Any]:
        """The JSON form of a point: x before y."""
        return {POINTS: {EXTERIOR: [[self._col, self._row]], INTERIOR: []}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PointLocation:
        """ValueError or TypeError unless the data is exactly one point."""
        from supervisely_lib.geometry.validation import exterior_of

        exterior = exterior_of(data)
        if len(exterior) != 1:
            raise ValueError(f'"exterior" field must contain exactly one point, not {len(exterior)}.')
        return cls(row=int(exterior[0, 1]), col=int(exterior[0, 0]))

    def scale(self, factor: float) -> PointLocation:
        """The location with both coordinates multiplied by factor, rounded."""
        return self.scale_frow_fcol(factor, factor)

    def scale_frow_fcol(self, frow: float, fcol: float) -> PointLocation:
        """The location with the row multiplied by frow and the column by fcol, rounded."""
        return PointLocation(round(self._row * frow), round(self._col * fcol))

    def translate(self, drow: int, dcol: int) -> PointLocation:
        """The location moved down by drow and right by dcol."""
        return PointLocation(self._row + drow, self._col + dcol)

    def rotate(self, rotator: ImageRotator) -> PointLocation:
        """The location of this pixel in the rotated image."""
        return rotator.transform_point(self)

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> PointLocation:
        """The location after an image of in_size (height, width) is resized to out_size; one side may be -1."""
        height, width = restore_proportional_size(in_size=in_size, out_size=out_size)
        return self.scale_frow_fcol(height / in_size[0], width / in_size[1])

    def fliplr(self, img_size: Sequence[int]) -> PointLocation:
        """The mirrored location: width - column, as in the official SDK; the mirrored pixel is one column less."""
        return PointLocation(self._row, img_size[1] - self._col)

    def flipud(self, img_size: Sequence[int]) -> PointLocation:
        """The location upside down: height - row, as in the official SDK; the mirrored pixel is one row less."""
        return PointLocation(img_size[0] - self._row, self._col)

    def clone(self) -> PointLocation:
        """A copy."""
        return PointLocation(self._row, self._col)


def points_to_row_col_list(points: Iterable[PointLocation], flip_row_col_order: bool = False) -> list[list[int]]:
    """Points as [row, col] pairs, or as [col, row] pairs when flipped."""
    if flip_row_col_order:
        return [[point.col, point.row] for point in points]
    return [[point.row, point.col] for point in points]


def row_col_list_to_points(
    data: Iterable[Sequence[float]], flip_row_col_order: bool = False, do_round: bool = False
) -> list[PointLocation]:
    """Points from [row, col] pairs, or from [col, row] pairs when flipped. Fractions are always rounded."""
    if flip_row_col_order:
        return [PointLocation(row, col) for col, row in data]
    return [PointLocation(row, col) for row, col in data]
