"""Items of an evaluation as a COCO data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.areas import Area
from agent.evaluation.counting import Item
from agent.evaluation.plan import NOTHING, Plan
from agent.evaluation.reading import Thing, extent, read_things


def coco_of(plan: Plan, items: Sequence[Item], kind: str) -> dict[str, Any]:
    """`kind`: bbox or segm. A neutral object becomes a crowd of every class."""
    annotations: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for item in items:
        for label in (item.truth, item.predicted):
            is_prediction = label is item.predicted
            for thing in read_things(plan, label, item.size, predicted=is_prediction).things:
                entries = detections if is_prediction else annotations
                numbers = range(len(plan.classes)) if thing.number == NOTHING else [thing.number]
                for number in numbers:
                    entry = _entry(thing, item, kind) | {"id": len(entries) + 1, "category_id": number + 1}
                    entries.append(entry | ({"score": thing.confidence} if is_prediction else {}))
    return {
        "images": [{"id": item.image, "width": item.size[0], "height": item.size[1]} for item in items],
        "categories": [{"id": at + 1, "name": title} for at, title in enumerate(plan.classes)],
        "annotations": annotations,
        "detections": detections,
        "kind": kind,
    }


def _entry(thing: Thing, item: Item, kind: str) -> dict[str, Any]:
    area = thing.area
    assert area is not None
    entry: dict[str, Any] = {
        "image_id": item.image,
        "area": area.pixels,
        "bbox": [area.left, area.top, area.right - area.left, area.bottom - area.top],
        "iscrowd": int(thing.number == NOTHING),
    }
    return entry | ({"rle": run_lengths(area, item.size)} if kind == "segm" else {})


def run_lengths(area: Area, size: tuple[int, int]) -> dict[str, Any]:
    """Column by column, the runs of pixels that are not set and set in turn."""
    whole: NDArray[np.uint8] = np.zeros((size[1], size[0]), np.uint8)
    whole[area.top : area.bottom, area.left : area.right] = 1 if area.on is None else area.on
    flat = np.concatenate([[0], whole.ravel(order="F")])
    edges = np.flatnonzero(np.diff(flat))
    return {"size": [size[1], size[0]], "counts": np.diff(np.concatenate([[0], edges, [whole.size]])).tolist()}


def keypoints_of(plan: Plan, items: Sequence[Item], names: Sequence[str]) -> dict[str, Any]:
    """The same for graphs whose nodes have these names. A node that is not there is not visible."""
    sides: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for item in items:
        for entries, label in zip(sides, (item.truth, item.predicted), strict=True):
            for thing in read_things(plan, label, item.size, predicted=entries is sides[1]).things:
                places = thing.places
                assert places is not None
                triples = [(*places[name], 2) if name in places else (0, 0, 0) for name in names]
                entry = {
                    "id": len(entries) + 1,
                    "image_id": item.image,
                    "category_id": thing.number + 1,
                    "keypoints": [number for triple in triples for number in triple],
                    "num_keypoints": len(places),
                    "area": extent(thing),
                    "bbox": [0, 0, *item.size],
                    "iscrowd": 0,
                }
                entries.append(entry | ({"score": thing.confidence} if entries is sides[1] else {}))
    return coco_of(plan, [], "keypoints") | {
        "images": [{"id": item.image, "width": item.size[0], "height": item.size[1]} for item in items],
        "annotations": sides[0],
        "detections": sides[1],
    }
