"""Backgrounds of the fruit sample: four kinds, each with several colours. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plugin_example.samples.paint import Array, Pose, Rng, mix, noise, rgb


def wood(rng: Rng, size: tuple[int, int]) -> Array:
    """Planks with grain, some with knots of darker wood."""
    dark, pale = [(rgb("#5A3A22"), rgb("#8E6238")), (rgb("#8A6A48"), rgb("#CDAE84")), (rgb("#3B2A20"), rgb("#6A4B36"))][
        rng.integers(3)
    ]
    plank = int(rng.integers(40, 90))
    rows = np.arange(size[0], dtype=np.float32)[:, None] + rng.integers(plank)
    board = (rows // plank).astype(int)
    tone = rng.random(size[0] // plank + 3).astype(np.float32)[board] * 0.3
    warp = noise(rng, size, 60, stretch=6)
    grain = 0.5 + 0.5 * np.sin((rows + 40 * warp) * rng.uniform(0.5, 0.9) + board * 7)
    fibre = noise(rng, size, 4, octaves=2, stretch=25)
    picture = mix(dark, pale, 0.25 * grain + 0.5 * fibre + tone)
    gap = np.abs((rows % plank) - 1) < 1.2
    return picture * np.where(gap, 0.45, 1.0)[..., None].astype(np.float32)


def cloth(rng: Rng, size: tuple[int, int]) -> Array:
    """Woven cloth, checked or striped, with folds."""
    base = [rgb("#DAD4C6"), rgb("#8FA6B8"), rgb("#A8B79A"), rgb("#C9A9A0")][rng.integers(4)]
    check = [rgb("#A33A36"), rgb("#33517E"), rgb("#4F6B3C"), rgb("#F2EEE4")][rng.integers(4)]
    u, v = Pose(0, 0, 1, rng.uniform(0, np.pi)).grid(size)
    width = rng.uniform(14, 40)
    across, down = (u % (2 * width)) < width, (v % (2 * width)) < width
    pattern = 0.5 * across + (0.5 * down if rng.random() < 0.6 else 0)
    weave = 0.06 * (np.sin(u * 2.2) * np.sin(v * 2.2)).astype(np.float32)
    folds = noise(rng, size, 120, octaves=2) - 0.5
    return np.asarray(mix(base, check, pattern.astype(np.float32)) * (0.95 + weave + 0.5 * folds)[..., None])


def paper(rng: Rng, size: tuple[int, int]) -> Array:
    """Coloured paper: a gradient with a lamp's spot."""
    first, second = (rng.uniform(0.15, 0.9, 3).astype(np.float32) for _ in range(2))
    u, v = Pose(size[0] / 2, size[1] / 2, max(size) / 2, rng.uniform(0, 2 * np.pi)).grid(size)
    spot = np.exp(-((u - rng.uniform(-0.5, 0.5)) ** 2) - (v - rng.uniform(-0.5, 0.5)) ** 2)
    return mix(first, second, 0.5 + 0.5 * u) * (0.7 + 0.35 * spot)[..., None]


def gravel(rng: Rng, size: tuple[int, int]) -> Array:
    """Stone, sand or grass: noise of two grains."""
    dark, pale = [
        (rgb("#4A4A4C"), rgb("#B9B7B2")),
        (rgb("#7A6244"), rgb("#D8C49A")),
        (rgb("#22401E"), rgb("#7FA052")),
    ][rng.integers(3)]
    grain = noise(rng, size, rng.uniform(4, 10), octaves=2)
    patch = noise(rng, size, 70)
    return mix(dark, pale, 1.5 * (0.6 * grain + 0.4 * patch) - 0.25)


BACKGROUNDS: dict[str, Callable[[Rng, tuple[int, int]], Array]] = {
    "wood": wood,
    "cloth": cloth,
    "paper": paper,
    "gravel": gravel,
}
