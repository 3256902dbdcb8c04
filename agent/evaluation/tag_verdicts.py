"""Which tags of images are right at one confidence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.counts import Counts
from agent.evaluation.numbers import Floats
from agent.evaluation.plan import NOTHING

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ImageTags:
    """Of each image that has exactly one true tag: that tag, the most confident predicted one (NOTHING without) and its
    confidence, and the place of the true one among the predicted ones (-1 if it is not one of them)."""

    image: Numbers
    truth: Numbers
    guess: Numbers
    confidence: Floats
    rank: Numbers


class TagVerdicts:
    """The tags of an evaluation. `count`: how many tags the plan has. `are_single`: see `is_single`; None: as seen."""

    def __init__(self, counts: Counts, count: int, are_single: bool | None = None) -> None:
        order = np.lexsort((-counts.tags["tag"].astype(np.int64), -_scores(counts), counts.tags["image"]))
        self.table = counts.tags[order]  # image by image, the most confident first; of equal ones the later tag
        self.tag = self.table["tag"].astype(np.int64)
        self.count = count
        self._are_single = are_single

    @cached_property
    def rank(self) -> Numbers:
        """The place of each row among those of its image."""
        image = self.table["image"]
        starts = np.r_[True, image[1:] != image[:-1]][: len(image)]
        places = np.arange(len(image))
        return places - np.maximum.accumulate(np.where(starts, places, 0))

    @cached_property
    def is_single(self) -> bool:
        """Whether the tags exclude each other: no image has two true ones, and there are several.

        A slice of images follows the whole, because a few images may show nothing of it.
        """
        if self._are_single is not None:
            return self._are_single
        images = self.table["image"][self.table["truth"]]
        return self.count > 1 and len(images) > 0 and len(np.unique(images)) == len(images)

    def predicted(self, confidence: float) -> Flags:
        """Of each row of `table`, whether its tag is predicted at that confidence: where tags exclude each other, only
        the most confident one of an image."""
        found: Flags = self.table["predicted"] & (self.table["confidence"] >= confidence)
        return found & (self.rank == 0) if self.is_single else found

    @cached_property
    def singles(self) -> ImageTags:
        table = self.table
        true = np.flatnonzero(table["truth"])
        images, first, number = np.unique(table["image"][true], return_index=True, return_counts=True)
        rows = true[first[number == 1]]
        head = rows - self.rank[rows]
        has_guess = table["predicted"][head]
        return ImageTags(
            images[number == 1].astype(np.int64),
            self.tag[rows],
            np.where(has_guess, self.tag[head], NOTHING),
            np.where(has_guess, table["confidence"][head], 0.0),
            np.where(table["predicted"][rows], self.rank[rows], -1),
        )


def _scores(counts: Counts) -> Floats:
    """Tags that are not predicted come behind all others."""
    return np.where(counts.tags["predicted"], counts.tags["confidence"], -np.inf)
