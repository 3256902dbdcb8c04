"""Objects of an image as COCO tools read them. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from agent.evaluation.areas import Area
from agent.evaluation.plan import BOXES, MASKS, NOTHING, Plan
from agent.evaluation.reading import Thing, read_things

Json = dict[str, Any]


class CocoImage(msgspec.Struct, frozen=True):
    """An image to convert: its number, its size (width, height), and the annotations of both sides."""

    plan: Plan
    number: int
    size: tuple[int, int]
    truth: Json
    predicted: Json


class CocoObjects(msgspec.Struct):
    """Annotations of `instances.json` but for their ids, and results. They have what the plan compares as areas."""

    truth: list[Json]
    predicted: list[Json]


def coco_objects(image: CocoImage) -> CocoObjects:
    """It decodes whatever masks somebody brought: call it where that may take any time and memory."""
    sides = [
        _compared(read_things(image.plan, annotation, image.size, predicted=predicted).things)
        for annotation, predicted in ((image.truth, False), (image.predicted, True))
    ]
    return CocoObjects(
        [{"iscrowd": 0, "area": _area(thing).pixels, **_object(image, thing)} for thing in sides[0]],
        [
            {**_object(image, thing), "score": 1.0 if thing.confidence is None else thing.confidence}
            for thing in sides[1]
        ],
    )


def _compared(things: list[Thing]) -> list[Thing]:
    return [one for one in things if one.number != NOTHING and one.kind in (MASKS, BOXES) and one.area is not None]


def _area(thing: Thing) -> Area:
    assert thing.area is not None  # things that are compared by areas have one
    return thing.area


def _object(image: CocoImage, thing: Thing) -> Json:
    area, (width, height) = _area(thing), image.size
    found: Json = {"image_id": image.number, "category_id": thing.number + 1, "bbox": _bbox(area)}
    if thing.kind == MASKS:
        found["segmentation"] = {
            "size": [height, width],
            "counts": run_lengths(area, width, height),
        }
    return found


def _bbox(area: Area) -> list[float]:
    left, top, right, bottom = area.left, area.top, area.right, area.bottom
    if area.on is not None:
        columns, rows = np.flatnonzero(area.on.any(axis=0)), np.flatnonzero(area.on.any(axis=1))
        left, right = area.left + int(columns[0]), area.left + int(columns[-1]) + 1
        top, bottom = area.top + int(rows[0]), area.top + int(rows[-1]) + 1
    return [float(left), float(top), float(right - left), float(bottom - top)]


def run_lengths(area: Area, width: int, height: int) -> str:
    """The pixels of an area on a (width, height) image as COCO writes them: lengths of runs down the columns."""
    rows = area.bottom - area.top
    shape = (rows + 1, area.right - area.left)  # a row that is off ends each column
    on = np.zeros(shape, bool)
    on[:rows] = True if area.on is None else area.on
    flat = np.concatenate([[False], on.T.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    columns, inside = np.divmod(edges, rows + 1)
    places = (area.left + columns) * height + area.top + inside
    starts, ends = places[0::2], places[1::2]
    is_new = np.concatenate([[True], starts[1:] != ends[:-1]])  # a run goes on in the next column
    starts, ends = starts[is_new], ends[np.concatenate([is_new[1:], [True]])]
    bounds = np.column_stack([starts, ends]).ravel()
    return _packed(np.diff(np.concatenate([[0], bounds, [width * height]])).tolist())


def _packed(lengths: list[int]) -> str:
    """Lengths as text, five bits a character, from the third on as the difference to the one before the last."""
    if lengths and lengths[-1] == 0:
        lengths = lengths[:-1]
    text = bytearray()
    for at, length in enumerate(lengths):
        rest = length - lengths[at - 2] if at > 2 else length
        while True:
            bits, rest = rest & 0x1F, rest >> 5
            is_last = rest == (-1 if bits & 0x10 else 0)
            text.append(48 + (bits if is_last else bits | 0x20))
            if is_last:
                break
    return text.decode()
