"""Drawing functions of the fruit sample: textures, light and shapes on arrays. Pure: randomness comes from `rng` only.

Images are float32 (H, W, 3) RGB in [0, 1]; a `Layer` is a painted object with its coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Pose:
    """The pose of an object: centre and radius in pixels, angle in radians."""

    row: float
    col: float
    radius: float
    angle: float

    def grid(self, size: tuple[int, int]) -> tuple[Array, Array]:
        """Coordinates u (across) and v (down) of every pixel in the object's own frame, in radii: two (H, W)."""
        rows, cols = np.mgrid[: size[0], : size[1]].astype(np.float32)
        across, down = (cols - self.col) / self.radius, (rows - self.row) / self.radius
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return across * cos + down * sin, down * cos - across * sin


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp above the table: its direction in the image (radians) and the colour of white paper in its light."""

    angle: float
    colour: Array


@dataclass(frozen=True, slots=True)
class Layer:
    colour: Array  # (H, W, 3)
    cover: Array  # (H, W) in [0, 1], soft at the edge

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.cover > 0.5


def rgb(text: str) -> Array:
    """'#E8C33A' → (3,)"""
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], np.float32) / 255


def mix(low: Array, high: Array, share: Array) -> Array:
    """Blend two colours by a map: share (H, W) → (H, W, 3)."""
    share = np.clip(share, 0, 1)[..., None]
    return low * (1 - share) + high * share


def noise(rng: Rng, size: tuple[int, int], cell: float, octaves: int = 3, stretch: float = 1.0) -> Array:
    """Smooth fractal noise (H, W) in about [0, 1]; `cell` is the largest blob in pixels, `stretch` its length."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        coarse = rng.random((int(size[0] / step) + 2, int(size[1] / (step * stretch)) + 2), np.float32)
        total += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / (2 - 2 ** (1 - octaves))


def inside(distance: Array, radius: float) -> Array:
    """Coverage of the area in which `distance` (in radii) is negative, with an edge that is one pixel soft: (H, W)."""
    return np.clip(0.5 - distance * radius, 0, 1)


def lit(colour: Array, normal: tuple[Array, Array, Array], light: Light, gloss: float) -> Array:
    """Shade a (H, W, 3) colour by its surface normal (x, y, z) and add a highlight of strength `gloss`."""
    x, y, z = normal
    lamp = np.array([np.cos(light.angle) * 0.6, np.sin(light.angle) * 0.6, 0.53], np.float32)
    facing = np.clip(x * lamp[0] + y * lamp[1] + z * lamp[2], 0, 1)
    half = (lamp + np.array([0, 0, 1], np.float32)) / np.linalg.norm(lamp + np.array([0, 0, 1], np.float32))
    shine = np.clip(x * half[0] + y * half[1] + z * half[2], 0, 1) ** 40
    return colour * (0.35 + 0.75 * facing)[..., None] + (gloss * shine)[..., None] * light.colour


def turned(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    """A direction in the object's own frame → the direction in the frame of the image."""
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)


def laid_over(picture: Array, layer: Layer, light: Light, height: float) -> Array:
    """The image with the layer on it, and the shadow of the layer; `height` in pixels."""
    shift = np.array([[1, 0, -np.cos(light.angle) * height], [0, 1, -np.sin(light.angle) * height]], np.float32)
    shadow = cv2.warpAffine(layer.cover, shift, layer.cover.shape[::-1])
    shadow = cv2.GaussianBlur(shadow, (0, 0), max(height / 2, 1.0))
    return covered(picture * (1 - 0.55 * shadow)[..., None], layer)


def covered(picture: Array, layer: Layer) -> Array:
    """The image (H, W, 3) with the layer painted over it."""
    cover = layer.cover[..., None]
    return picture * (1 - cover) + layer.colour * cover
