"""Draw on any canvas of a plugin: 2-D labels of any integer type, bool masks, RGB images, tensors of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

    Array = NDArray[Any]
else:
    Array = np.ndarray
Draw = Callable[[Array, Any], object]

# dtypes that the drawing functions of every OpenCV version accept
_DRAWABLE = frozenset(map(np.dtype, ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")))


def as_array(canvas: Any) -> Array:
    """The array that shares the memory of a torch tensor (CPU); any other canvas as it is."""
    numpy = None if isinstance(canvas, np.ndarray) else getattr(canvas, "numpy", None)
    array: Array = numpy() if callable(numpy) else canvas
    return array


def fill(part: Array, mask: Array, color: Any) -> None:
    """Set the pixels of part, (h, w) or (h, w, c), where the bool mask (h, w) is true."""
    if part.ndim == 2:
        if not np.isscalar(color) and np.ndim(color) == 1:
            color = color[0]  # a 2-D canvas takes the first channel, as OpenCV does
        np.copyto(part, color, where=mask, casting="unsafe")
    else:
        np.copyto(part, color, where=mask[..., np.newaxis], casting="unsafe")


def paint(canvas: Array, color: Any, draw: Draw) -> None:
    """Call draw(canvas, color) with OpenCV, through a temporary mask if OpenCV cannot write to the canvas."""
    if canvas.dtype == np.bool_ and canvas.ndim == 2 and canvas.flags.c_contiguous:
        draw(canvas.view(np.uint8), int(bool(color)))
    elif canvas.dtype in _DRAWABLE and canvas.flags.c_contiguous:
        draw(canvas, color)
    else:
        mask = np.zeros(canvas.shape[:2], np.uint8)
        draw(mask, 1)
        fill(canvas, mask.view(np.bool_), color)


def every_channel(canvas: Array, color: Any) -> Any:
    """A colour for OpenCV that sets all channels; a single number is used for every channel."""
    return (color,) * canvas.shape[2] if canvas.ndim == 3 and np.isscalar(color) else color
