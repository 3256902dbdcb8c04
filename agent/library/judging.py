"""An evaluation to ask questions of: figures of slices, images by their figures, objects by what became of them.

Every door that shows more than the figures of all images reads through here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from cachetools import LRUCache

from agent.errors import BadInput, Conflict
from agent.evaluation.calibration import BINS
from agent.evaluation.judged import Judged
from agent.evaluation.plan import NOTHING, Plan
from agent.library.evaluated_images import Counted, CountedImage, counts_of
from agent.store import EvaluationStatus

if TYPE_CHECKING:
    from agent.evaluation.errors import Judgements
    from agent.store import Evaluation, Store

# Images by a cell of the confusion of pixels, with a pair of tags, by a bar of the reliability diagram.
CELL, PAIR, BAR = "cell", "tags", "bar"
BARS = BINS
_SLICES = 4  # that are kept ready for another confidence
_BYTES_PER_IMAGE = 600  # of its names, tags and ids


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the images: in one of these datasets, with one of these tags, with an object of one of these classes and
    of one of these sizes (`matching.SIZES`)."""

    datasets: frozenset[str] = frozenset()  # empty: every one, as for the others
    tags: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    min_pixels: int | None = None  # width × height
    max_pixels: int | None = None
    object_sizes: frozenset[str] = frozenset()


WHOLE = Slice()


@dataclass(frozen=True, slots=True)
class Look:
    """At which confidence and overlap objects are judged."""

    confidence: float | None = None  # None: the best by the mean F1
    iou: float = 0.5


class Judging:
    """A finished evaluation with its counts in memory. Threads take `lock` for as long as they ask."""

    def __init__(self, evaluation: Evaluation, plan: Plan, counted: Counted) -> None:
        self.lock = threading.RLock()
        self.evaluation = evaluation
        self.plan = plan
        self.counts = counted.counts
        self.images = counted.images  # in the order of the counts
        self._whole = Judged(plan, counted.counts)
        self._slices: LRUCache[Slice, Judged] = LRUCache(_SLICES)

    @cached_property
    def nbytes(self) -> int:
        """About what it takes, with what is computed of it."""
        counts = self.counts
        tables = (counts.pixels, counts.confusion, counts.truths, counts.predictions, counts.pairs, counts.tags)
        return 4 * sum(table.nbytes for table in tables) + _BYTES_PER_IMAGE * len(self.images)

    @cached_property
    def by_number(self) -> dict[int, CountedImage]:
        return {image.number: image for image in self.images}

    @cached_property
    def problems(self) -> dict[int, list[str]]:
        """What could not be compared, by the number of the image."""
        found: dict[int, list[str]] = {}
        for number, sentence in self.counts.problems:
            found.setdefault(number, []).append(sentence)
        return found

    def judged(self, part: Slice = WHOLE) -> Judged:
        if part == WHOLE:
            return self._whole
        if part not in self._slices:
            self._slices[part] = Judged(self.plan, self.counts.select(self._numbers(part)), self._whole)
        return self._slices[part]

    def figures(self, part: Slice = WHOLE, look: Look = Look()) -> dict[str, Any]:
        from agent.evaluation.figures import figures

        return figures(self.plan, self.judged(part), confidence=look.confidence, iou=look.iou)

    def ranked(self, by: str, part: Slice, look: Look, of: str | None) -> list[tuple[int, float]]:
        """Numbers of images with their figure, worst first; `of` one class, or one tag for figures of tags."""
        from agent.evaluation.worst import TAG_FIGURES, worst_images

        titles = self.plan.tags if by in TAG_FIGURES else self.plan.classes
        class_ = None if of is None else place_of(of, titles)
        found = worst_images(
            self.plan, self.judged(part), by=by, class_=class_, confidence=look.confidence, iou=look.iou
        )
        return [(image, value) for image, value in found]

    @staticmethod
    def is_high_bad(by: str) -> bool:
        from agent.evaluation.worst import HIGH_IS_BAD

        return by in HIGH_IS_BAD or by in (CELL, PAIR, BAR)

    def of_cell(self, part: Slice, truth: str, predicted: str) -> list[tuple[int, float]]:
        """Images with their pixels of a cell of the confusion matrix of pixels, most first; empty: of no class."""
        from agent.evaluation.pixel_errors import pixel_images

        places = [self._place(title, self.plan.classes) for title in (truth, predicted)]
        found = pixel_images(self.judged(part), truth_class=places[0], predicted_class=places[1])
        return [(image, float(pixels)) for image, pixels in found]

    def of_bar(self, part: Slice, bar: int) -> list[tuple[int, float]]:
        """Images with tags of the confidences of this bar, counted from 0, and how many of these are wrong."""
        from agent.evaluation.tag_errors import binned_images

        return [(image, float(wrong)) for image, wrong in binned_images(self.plan, self.judged(part), bar)]

    def of_tags(self, part: Slice, look: Look, truth: str | None, predicted: str | None) -> list[int]:
        """Images with this pair of tags. None: any; empty: none of the evaluation's tags is on that side."""
        from agent.evaluation.tag_errors import tag_images

        pair = [title if title is None else self._place(title, self.plan.tags) for title in (truth, predicted)]
        return tag_images(
            self.plan, self.judged(part), truth_tag=pair[0], predicted_tag=pair[1], confidence=look.confidence
        )

    def objects(
        self,
        part: Slice,
        look: Look,
        *,
        kinds: Iterable[str] = (),
        truth_class: str | None = None,
        predicted_class: str | None = None,
        image: int | None = None,
        order: str = "confidence",
    ) -> Judgements:
        """Objects by what became of them. A class that is empty: those without one on that side."""
        from agent.evaluation.errors import objects

        return objects(
            self.plan,
            self.judged(part),
            kinds=frozenset(kinds),
            truth_class=self._class(truth_class),
            predicted_class=self._class(predicted_class),
            confidence=look.confidence,
            iou=look.iou,
            image=image,
            order=order,
        )

    def _class(self, title: str | None) -> int | None:
        return None if title is None else self._place(title, self.plan.classes)

    @staticmethod
    def _place(title: str, titles: Sequence[str]) -> int:
        return place_of(title, titles) if title else NOTHING

    def _numbers(self, part: Slice) -> Sequence[int]:
        with_object = self._with_object(part) if part.classes or part.object_sizes else None
        return [
            image.number
            for image in self.images
            if (not part.datasets or image.dataset in part.datasets)
            and (not part.tags or not part.tags.isdisjoint(image.tags))
            and (part.min_pixels is None or image.width * image.height >= part.min_pixels)
            and (part.max_pixels is None or image.width * image.height <= part.max_pixels)
            and (with_object is None or image.number in with_object)
        ]

    def _with_object(self, part: Slice) -> set[int]:
        from agent.evaluation.matching import RANGES, SIZES

        places = [place_of(title, self.plan.classes) for title in part.classes or self.plan.classes]
        ranges = [RANGES[SIZES.index(size)] for size in part.object_sizes]
        found: set[int] = set()
        for table in (self.counts.truths, self.counts.predictions, *(() if ranges else (self.counts.pixels,))):
            chosen = np.isin(table["class"], places)
            if ranges:
                chosen &= np.any([(least <= table["area"]) & (table["area"] <= most) for least, most in ranges], axis=0)
            found.update(table["image"][chosen].tolist())
        return found


def place_of(title: str, titles: Sequence[str]) -> int:
    """The number of a class or tag. BadInput names those there are."""
    if title not in titles:
        raise BadInput(f"The evaluation judges no {title!r}; it judges {', '.join(map(repr, titles)) or 'none'}.")
    return titles.index(title)


def open_judging(store: Store, evaluation: Evaluation) -> Judging:
    """Read what was counted. Conflict for an evaluation that is not done."""
    if evaluation.status is not EvaluationStatus.DONE or evaluation.key is None:
        said = f"failed: {evaluation.reason}" if evaluation.status is EvaluationStatus.ERROR else "is not done yet"
        raise Conflict(f"Evaluation {evaluation.id} {said}")
    plan = Plan.from_json(orjson.dumps(store.evaluations.results(evaluation.id).plan))
    return Judging(evaluation, plan, counts_of(store, evaluation.key))
