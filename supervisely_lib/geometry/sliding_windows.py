"""Windows that cover an image (contract: sdk.md 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.validation import is_2d_int_coords_valid


class SlidingWindows:
    """Windows of the same size, row by row; the windows of the last row and column are moved back into the image.

    window_shape, min_overlap: (rows, columns).
    """

    def __init__(self, window_shape: Sequence[int], min_overlap: Sequence[int]) -> None:
        """ValueError unless both arguments are pairs of ints; RuntimeError if the overlap is as large as the window."""
        if not is_2d_int_coords_valid([window_shape]):
            raise ValueError("window_shape must contains 2 integers.")
        if not is_2d_int_coords_valid([min_overlap]):
            raise ValueError("min_overlap must contains 2 integers.")
        self.window_shape = tuple(window_shape)
        self.min_overlap = tuple(min_overlap)
        self.stride = (window_shape[0] - min_overlap[0], window_shape[1] - min_overlap[1])
        if min(self.stride) < 1:
            raise RuntimeError("Wrong sliding window settings, overlap is too high.")

    def get(self, source_shape: Sequence[int]) -> Iterator[Rectangle]:
        """Windows of an image of that (height, width). RuntimeError if the image is smaller than a window."""
        window = Rectangle.from_size(self.window_shape)
        if not Rectangle.from_size(source_shape).contains(window):
            raise RuntimeError("Sliding window: window is larger than source (image).")
        starts = [
            [min(start, source - size) for start in range(0, source - size + stride, stride)]
            for source, size, stride in zip(source_shape, self.window_shape, self.stride)
        ]
        for top in starts[0]:
            for left in starts[1]:
                yield window.translate(top, left)
