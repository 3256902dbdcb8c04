"""Annotations of both sides of an evaluation: labels one by one, and whole projects made from a seed."""

from __future__ import annotations

import base64
import random
import zlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agent.evaluation.counting import Item
from supervisely_lib.geometry.mask_png import encode_mask

Json = dict[str, Any]
CLASSES = ("apple", "pear", "plum", "unpredicted", "unlabeled", "empty")
TRUE, PREDICTED = CLASSES[:4], (*CLASSES[:3], CLASSES[4])  # those that have objects on each side
SIZE = (64, 48)  # width, height


def rectangle(title: str, left: int, top: int, right: int, bottom: int, confidence: float | None = None) -> Json:
    """Corners included."""
    return labelled(title, {"points": {"exterior": [[left, top], [right, bottom]], "interior": []}}, confidence)


def polygon(title: str, *points: tuple[int, int], confidence: float | None = None) -> Json:
    return labelled(title, {"points": {"exterior": [list(point) for point in points], "interior": []}}, confidence)


def bitmap(title: str, left: int, top: int, bits: ArrayLike, confidence: float | None = None) -> Json:
    """`bits`: (h, w), the pixels of the mask."""
    return labelled(title, {"bitmap": {"origin": [left, top], "data": mask_text(bits)}}, confidence)


def point(title: str, x: int, y: int, confidence: float | None = None) -> Json:
    return labelled(title, {"points": {"exterior": [[x, y]], "interior": []}}, confidence)


def line(title: str, *points: tuple[int, int], confidence: float | None = None) -> Json:
    return polygon(title, *points, confidence=confidence)


def graph(title: str, nodes: dict[str, tuple[int, int]], confidence: float | None = None) -> Json:
    return labelled(title, {"nodes": {name: {"loc": list(place)} for name, place in nodes.items()}}, confidence)


def labelled(title: str, geometry: Json, confidence: float | None) -> Json:
    tags = [] if confidence is None else [{"name": "confidence", "value": confidence}]
    return {"classTitle": title, "tags": tags, **geometry}


def mask_text(bits: ArrayLike) -> str:
    return base64.b64encode(zlib.compress(encode_mask(np.asarray(bits, np.bool_)))).decode()


def meta(shape: str, titles: tuple[str, ...] = CLASSES, *more: str) -> Json:
    classes = [{"title": title, "shape": shape} for title in (*titles, *more)]
    return {"classes": classes, "tags": [{"name": "confidence", "value_type": "any_number"}]}


def annotation(*labels: Json, tags: list[Any] | None = None) -> Json:
    return {"size": {"width": SIZE[0], "height": SIZE[1]}, "tags": tags or [], "objects": list(labels)}


def generated(seed: int, shape: str, images: int, *, neutral: bool = False, confidences: int = 10) -> list[Item]:
    """Images with every case that a comparison must tell apart.

    Predictions are true objects that were moved, doubled, given another class, or left out, and some of nothing. Their
    confidences are one of a few values, so many are equal. Some images are empty on one side or both.
    """
    chance = random.Random(seed)
    items = []
    for number in range(images):
        truth = [_thing(chance, shape, chance.choice(TRUE)) for _ in range(chance.choice((0, 1, 3, 6, 9)))]
        if neutral and chance.random() < 0.5:
            truth.append(_thing(chance, shape, "neutral", largest=40))
        predicted: list[Json] = []
        for label in truth:
            times = chance.choice((0, 1, 1, 1, 2))
            predicted += [_moved(chance, label, chance.choice((0, 0, 1, 2, 4))) for _ in range(times)]
        predicted += [_thing(chance, shape, chance.choice(PREDICTED)) for _ in range(chance.choice((0, 0, 1, 3)))]
        if chance.random() < 0.15:
            chance.choice((truth, predicted)).clear()
        if chance.random() < 0.05:  # more than average precision looks at
            predicted += [_thing(chance, shape, "apple") for _ in range(120)]
        for label in predicted:
            value = chance.randint(0, confidences) / confidences
            label["tags"] = [{"name": "confidence", "value": value}]
        items.append(Item(number, SIZE, annotation(*truth), annotation(*predicted)))
    return items


def _thing(chance: random.Random, shape: str, title: str, largest: int = 30) -> Json:
    width, height = chance.randint(1, largest), chance.randint(1, largest)
    left, top = chance.randint(0, SIZE[0] - width), chance.randint(0, SIZE[1] - height)
    if shape == "rectangle":
        return rectangle(title, left, top, left + width - 1, top + height - 1)
    if shape == "polygon":
        right, bottom = left + width - 1, top + height - 1
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return polygon(title, *corners[: chance.randint(3, 4)])
    bits = np.array([[chance.random() < 0.8 for _ in range(width)] for _ in range(height)])
    bits[0, 0] = True
    return bitmap(title, left, top, bits)


def _moved(chance: random.Random, label: Json, most: int) -> Json:
    """The same object, a few pixels away, perhaps of another class."""
    x, y = chance.randint(-most, most), chance.randint(-most, most)
    title = (
        label["classTitle"] if label["classTitle"] in PREDICTED and chance.random() < 0.8 else chance.choice(PREDICTED)
    )
    if "bitmap" in label:
        left, top = label["bitmap"]["origin"]
        return {"classTitle": title, "bitmap": {**label["bitmap"], "origin": [max(0, left + x), max(0, top + y)]}}
    ring = [
        [min(max(0, left + x), SIZE[0] - 1), min(max(0, top + y), SIZE[1] - 1)]
        for left, top in label["points"]["exterior"]
    ]
    return {"classTitle": title, "points": {"exterior": ring, "interior": []}}
