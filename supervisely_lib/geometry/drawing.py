"""Paint on whatever canvas a plugin brings: 2-D labels of any integer type, masks of bool, RGB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Draw = Callable[[Array, Any], object]

# dtypes that OpenCV's drawing functions have always known
_DRAWABLE = frozenset(map(np.dtype, ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")))


def fill(part: Array, mask: Array, color: Any) -> None:
    """Set the pixels of part, (h, w) or (h, w, c), where the bool mask (h, w) is true."""
    if part.ndim == 2:
        if not np.isscalar(color) and np.ndim(color) == 1:
            color = color[0]  # a 2-D canvas takes the first channel, as OpenCV does
        np.copyto(part, color, where=mask, casting="unsafe")
    else:
        np.copyto(part, color, where=mask[..., np.newaxis], casting="unsafe")


def paint(canvas: Array, color: Any, draw: Draw) -> None:
    """draw(canvas, color) with OpenCV, through a temporary mask for canvases that OpenCV cannot write to."""
    if canvas.dtype == np.bool_ and canvas.ndim == 2 and canvas.flags.c_contiguous:
        draw(canvas.view(np.uint8), int(bool(color)))
    elif canvas.dtype in _DRAWABLE and canvas.flags.c_contiguous:
        draw(canvas, color)
    else:
        mask = np.zeros(canvas.shape[:2], np.uint8)
        draw(mask, 1)
        fill(canvas, mask.view(np.bool_), color)


def every_channel(canvas: Array, color: Any) -> Any:
    """A colour for OpenCV that sets all channels, given one number for all."""
    return (color,) * canvas.shape[2] if canvas.ndim == 3 and np.isscalar(color) else color
