"""Colours as [R, G, B], each 0–255, and as "#RRGGBB" (contract: project_format.md 5)."""

from __future__ import annotations

import colorsys
import random
import re
from collections.abc import Iterable, Sequence

_HEX = re.compile(r"#[0-9A-Fa-f]{6}")


def validate_channel_value(value: int) -> None:
    """ValueError unless 0 ≤ value ≤ 255."""
    if not 0 <= value <= 255:
        raise ValueError("Color channel has to be in range [0; 255]")


def _validate_color(color: Sequence[int]) -> None:
    if not isinstance(color, (list, tuple)):
        raise ValueError("Color has to be list, or tuple")
    if len(color) != 3:
        raise ValueError("Color have to contain exactly 3 values: [R, G, B]")
    for channel in color:
        validate_channel_value(channel)


def _from_hue(hue: float) -> list[int]:
    return [round(channel * 255) for channel in colorsys.hls_to_rgb(hue, 0.3, 0.8)]


def random_rgb() -> list[int]:
    """A dark, saturated colour of random hue."""
    return _from_hue(random.random())  # noqa: S311


def generate_rgb(exist_colors: Iterable[Sequence[int]]) -> list[int]:
    """A colour as from random_rgb, whose hue lies in the widest gap between the given hues."""
    hues = sorted(colorsys.rgb_to_hls(*(channel / 255 for channel in color))[0] for color in exist_colors)
    if not hues:
        return random_rgb()
    gaps = [(after - before, before) for before, after in zip(hues, [*hues[1:], hues[0] + 1])]
    width, start = max(gaps)
    return _from_hue((start + width / 2) % 1)


def rgb2hex(color: Sequence[int]) -> str:
    """[255, 0, 10] → "#FF000A". ValueError unless the colour has three channels."""
    _validate_color(color)
    return "#" + "".join(f"{channel:02X}" for channel in color)


def read_color(value: object) -> list[int]:
    """The colour in a file: "#RRGGBB". Another text gives a random colour, as in the SDK of 2026.

    ValueError for a value that is no text.
    """
    if not isinstance(value, str):
        raise ValueError(f"field 'color' must be a text such as '#2FA84F', not {value!r}.")
    return hex2rgb(value) if _HEX.fullmatch(value) else random_rgb()


def hex2rgb(hex_value: str) -> list[int]:
    """ "#FF000A" → [255, 0, 10], either case. ValueError for any other form."""
    if not isinstance(hex_value, str) or not _HEX.fullmatch(hex_value):
        raise ValueError("Supported only HEX RGB string format!")
    return [int(hex_value[i : i + 2], 16) for i in (1, 3, 5)]
