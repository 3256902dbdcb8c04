"""The fingerprint of an image: images that a person takes for the same one have nearly the same. Pure.

It is a perceptual hash of 64 bits (which of the 64 lowest frequencies of the grey image are above their median), and a
miniature of 8×8 pixels. The hash finds candidates fast; the miniature, which has colours, tells those apart that have
the same outlines, and plain areas, which have no frequencies.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 32  # pixels of the picture that a fingerprint is made from
MINIATURE = 8  # pixels of its side
BYTES = 8 + 3 * MINIATURE**2
VERSION = 1  # of the rules
_LOWEST = 64  # frequencies
_FLAT = 8.0  # below it a frequency is noise: a wave of half a grey level over the whole picture
_GREY = (0.299, 0.587, 0.114)

_waves = np.cos(math.pi / SIDE * np.outer(np.arange(SIDE), np.arange(SIDE) + 0.5))  # of the discrete cosine transform
_order = sorted(((u, v) for u in range(SIDE) for v in range(SIDE)), key=lambda at: (sum(at), at))[1 : _LOWEST + 1]
_rows, _columns = np.array(_order).T


def fingerprint(picture: NDArray[np.uint8]) -> bytes:
    """Of a picture (SIDE, SIDE, 3): the hash in 8 bytes, then the miniature."""
    grey = picture.astype(np.float64) @ _GREY
    frequencies = (_waves @ grey @ _waves.T)[_rows, _columns] * (2 / SIDE)
    bits = frequencies > max(float(np.median(frequencies)), _FLAT)
    part = SIDE // MINIATURE
    small = picture.reshape(MINIATURE, part, MINIATURE, part, 3).mean(axis=(1, 3))
    return b"".join((np.packbits(bits).tobytes(), np.rint(small).astype(np.uint8).tobytes()))
