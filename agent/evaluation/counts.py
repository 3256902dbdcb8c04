"""Counts of images, in tables: those of many images are the tables of each, one behind the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[Any]

IMAGES = np.dtype([("image", "<u4"), ("width", "<u4"), ("height", "<u4"), ("judged", "?")])  # or not compared at all
# Pixels of a class: in the ground truth, the predictions and both; then the same of the strips along its edges.
PIXELS = np.dtype(
    [
        *(("image", "<u4"), ("class", "<i2"), ("truth", "<u4"), ("predicted", "<u4"), ("both", "<u4")),
        *(("truth_edge", "<u4"), ("predicted_edge", "<u4"), ("both_edge", "<u4")),
    ]
)
# Pixels of the image that are of one class in the ground truth and of another, or the same, in the predictions.
CONFUSION = np.dtype([("image", "<u4"), ("truth", "<i2"), ("predicted", "<i2"), ("pixels", "<u4")])
# Objects. `object` is its place in the annotation, `area` in pixels; of a graph, that of the box around its nodes.
TRUTHS = np.dtype([("image", "<u4"), ("object", "<u4"), ("class", "<i2"), ("area", "<f8")])
# `rank` among those of its class and image, by confidence. Bits of `matched` and `ignored`: see `matching`.
PREDICTIONS = np.dtype(
    [
        *(("image", "<u4"), ("object", "<u4"), ("class", "<i2"), ("area", "<f8"), ("confidence", "<f8")),
        *(("has_confidence", "?"), ("rank", "<u4"), ("matched", "<u8"), ("ignored", "<u8")),
    ]
)
# Objects of both sides that overlap: rows of the two tables, how much of both is shared (0…1), the distance in pixels
# of points, lines and graphs, and bits of the thresholds at which they are each other's match.
PAIRS = np.dtype([("truth", "<u4"), ("prediction", "<u4"), ("overlap", "<f8"), ("distance", "<f4"), ("match", "<u2")])
# Tags that an image has on one side or both, with the confidence of the predicted one.
TAGS = np.dtype(
    [
        *(("image", "<u4"), ("tag", "<u2"), ("truth", "?"), ("predicted", "?")),
        *(("confidence", "<f8"), ("has_confidence", "?")),
    ]
)

TABLES = {
    "images": IMAGES,
    "pixels": PIXELS,
    "confusion": CONFUSION,
    "truths": TRUTHS,
    "predictions": PREDICTIONS,
    "pairs": PAIRS,
    "tags": TAGS,
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of an image stand together in each table, in the order of `images`. No image is in it twice.

    `problems`: the image's number, and one sentence of what could not be compared there.
    """

    images: Table
    pixels: Table
    confusion: Table
    truths: Table
    predictions: Table
    pairs: Table
    tags: Table
    problems: tuple[tuple[int, str], ...] = ()

    @staticmethod
    def empty() -> Counts:
        tables: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in TABLES.items()}
        return Counts(**tables)

    @staticmethod
    def join(parts: Sequence[Counts]) -> Counts:
        """The counts of all images of the parts, in their order."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Counts.empty()
        tables = {name: np.concatenate([getattr(part, name) for part in parts]) for name in TABLES}
        lengths = np.array([len(part.pairs) for part in parts])
        for column, table in (("truth", "truths"), ("prediction", "predictions")):
            before = np.cumsum([0] + [len(getattr(part, table)) for part in parts[:-1]])
            tables["pairs"][column] += np.repeat(before, lengths).astype(np.uint32)
        return Counts(**tables, problems=tuple(problem for part in parts for problem in part.problems))

    def select(self, numbers: Sequence[int] | NDArray[Any]) -> Counts:
        """The counts of the images with these numbers."""
        chosen = np.zeros(int(self.images["image"].max(initial=0)) + 1, bool)
        wanted = np.asarray(numbers, np.int64)
        chosen[wanted[(wanted >= 0) & (wanted < len(chosen))]] = True
        tables = {name: getattr(self, name) for name in TABLES if name != "pairs"}
        kept = {name: chosen[table["image"]] for name, table in tables.items()}
        result = {name: table[kept[name]] for name, table in tables.items()}
        pairs = self.pairs[kept["truths"][self.pairs["truth"]]]
        for column, table in (("truth", "truths"), ("prediction", "predictions")):
            pairs[column] = (np.cumsum(kept[table]) - 1)[pairs[column]]
        problems = tuple(problem for problem in self.problems if problem[0] < len(chosen) and chosen[problem[0]])
        return Counts(**result, pairs=pairs, problems=problems)
