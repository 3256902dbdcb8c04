"""Runs of pixels as COCO writes them, read back by a reader of our own."""

from __future__ import annotations

import numpy as np
import pytest

from agent.evaluation.areas import Area, box
from agent.evaluation.coco import run_lengths


def read(text: str, width: int, height: int) -> np.ndarray:
    """The mask (height, width) behind the text."""
    lengths: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            bits = ord(text[at]) - 48
            value |= (bits & 0x1F) << shift
            more = bool(bits & 0x20)
            shift += 5
            at += 1
            if not more and bits & 0x10:
                value |= -1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
    flat = np.repeat(np.arange(len(lengths)) % 2, lengths)
    whole = np.zeros(width * height, np.uint8)
    whole[: len(flat)] = flat
    return whole.reshape(width, height).T


@pytest.mark.parametrize("seed", range(20))
def test_any_mask_comes_back(seed: int) -> None:
    chance = np.random.default_rng(seed)
    width, height = (int(side) for side in chance.integers(1, 60, 2))
    left, top = int(chance.integers(0, width)), int(chance.integers(0, height))
    right, bottom = int(chance.integers(left + 1, width + 1)), int(chance.integers(top + 1, height + 1))
    on = chance.random((bottom - top, right - left)) < 0.6
    on[-1, -1] = True
    whole = np.zeros((height, width), np.uint8)
    whole[top:bottom, left:right] = on

    text = run_lengths(Area(left, top, right, bottom, int(on.sum()), on), width, height)

    assert np.array_equal(read(text, width, height), whole)


@pytest.mark.parametrize(
    ("area", "width", "height", "text"),
    [
        (box(0, 0, 5, 4), 5, 4, "0d0"),
        (box(2, 1, 4, 3), 5, 4, "92203"),
        (box(30, 10, 50, 30), 64, 48, f"Z]1d0l0{'0' * 37}fd0"),
    ],
)
def test_texts_are_those_of_pycocotools(area: Area, width: int, height: int, text: str) -> None:
    assert run_lengths(area, width, height) == text
