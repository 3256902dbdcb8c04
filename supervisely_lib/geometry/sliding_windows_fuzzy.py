"""Windows that cover an image, with a choice for the windows at its lower and right border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from supervisely_lib.collection.str_enum import StrEnum
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.sliding_windows import SlidingWindows


class SlidingWindowBorderStrategy(StrEnum):
    """At the border windows leave the image, are moved back into it, or end with it."""

    ADD_PADDING = "add_padding"
    SHIFT_WINDOW = "shift_window"
    CHANGE_SIZE = "change_size"


class SlidingWindowsFuzzy(SlidingWindows):
    """As SlidingWindows. With CHANGE_SIZE all windows are as large as the stride, and so do not overlap."""

    def __init__(
        self,
        window_shape: Sequence[int],
        min_overlap: Sequence[int],
        strategy: str = str(SlidingWindowBorderStrategy.SHIFT_WINDOW),
    ) -> None:
        super().__init__(window_shape, min_overlap)
        if not SlidingWindowBorderStrategy.has_value(strategy):
            known = SlidingWindowBorderStrategy.values()
            raise ValueError(f"Unknown strategy {strategy!r}. Allowed strategies: {known}")
        self.strategy = strategy

    def get(self, source_shape: Sequence[int]) -> Iterator[Rectangle]:
        strategy = SlidingWindowBorderStrategy(self.strategy)
        if strategy is SlidingWindowBorderStrategy.SHIFT_WINDOW:
            yield from super().get(source_shape)
            return
        window = Rectangle.from_size(self.window_shape)
        if not Rectangle.from_size(source_shape).contains(window):
            raise RuntimeError("Sliding window: window is larger than source (image).")
        rows, cols = source_shape
        down, right = self.stride
        for top in range(0, rows - self.window_shape[0] + down, down):
            for left in range(0, cols - self.window_shape[1] + right, right):
                if strategy is SlidingWindowBorderStrategy.ADD_PADDING:
                    yield window.translate(top, left)
                else:
                    yield Rectangle(top, left, min(top + down, rows) - 1, min(left + right, cols) - 1)
