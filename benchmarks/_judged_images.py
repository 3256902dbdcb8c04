"""Images with ten objects each, and predictions that are a little off, for every side of the benchmark `evaluation`.

It needs numpy and the standard library only, for it is loaded in the environments of the peers, too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
CLASSES = tuple(f"class {number}" for number in range(10))
OBJECTS = 10
STEP = 10  # sides of masks are multiples of it, so that few masks have to be encoded


class Thing(NamedTuple):
    """An ellipse in its box, or the box; `confidence` of a prediction."""

    number: int
    left: int
    top: int
    width: int
    height: int
    confidence: float


def scene(image: int) -> tuple[list[Thing], list[Thing]]:
    """The true and the predicted things of an image."""
    chance = random.Random(image)
    truth, predicted = [], []
    for _ in range(OBJECTS):
        width, height = (STEP * chance.randint(1, 12) for _ in range(2))
        left, top = chance.randint(0, WIDTH - width), chance.randint(0, HEIGHT - height)
        number = chance.randrange(len(CLASSES))
        truth.append(Thing(number, left, top, width, height, 1.0))
        x, y = chance.randint(-width // 8, width // 8), chance.randint(-height // 8, height // 8)
        left, top = min(max(0, left + x), WIDTH - width), min(max(0, top + y), HEIGHT - height)
        guess = number if chance.random() < 0.9 else chance.randrange(len(CLASSES))
        predicted.append(Thing(guess, left, top, width, height, round(chance.random(), 3)))
    return truth, predicted


def ellipse(width: int, height: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width]
    bits: NDArray[np.bool_] = ((x + 0.5) / width * 2 - 1) ** 2 + ((y + 0.5) / height * 2 - 1) ** 2 <= 1
    return bits


def both_sides(images: int, kind: str) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Number of each image, and both sides as Supervisely has them. `kind`: bbox or segm."""
    masks: dict[tuple[int, int], str] = {}
    for image in range(images):
        sides = [
            {
                "size": {"width": WIDTH, "height": HEIGHT},
                "tags": [],
                "objects": [_label(thing, kind, masks, is_predicted=at == 1) for thing in side],
            }
            for at, side in enumerate(scene(image))
        ]
        yield image, sides[0], sides[1]


def meta(kind: str) -> dict[str, Any]:
    shape = "rectangle" if kind == "bbox" else "bitmap"
    classes = [{"title": title, "shape": shape, "color": "#102030"} for title in CLASSES]
    return {"classes": classes, "tags": [{"name": "confidence", "value_type": "any_number", "color": "#102030"}]}


def _label(thing: Thing, kind: str, masks: dict[tuple[int, int], str], *, is_predicted: bool) -> dict[str, Any]:
    tags = [{"name": "confidence", "value": thing.confidence}] if is_predicted else []
    label: dict[str, Any] = {"classTitle": CLASSES[thing.number], "tags": tags}
    left, top, width, height = thing[1:5]
    if kind == "bbox":
        corners = [[left, top], [left + width - 1, top + height - 1]]
        return {**label, "geometryType": "rectangle", "points": {"exterior": corners, "interior": []}}
    if (width, height) not in masks:
        from supervisely_lib.geometry.bitmap import Bitmap  # not in the environments of the peers

        masks[width, height] = Bitmap.data_2_base64(ellipse(width, height))
    bitmap = {"origin": [left, top], "data": masks[width, height]}
    return {**label, "geometryType": "bitmap", "bitmap": bitmap}
