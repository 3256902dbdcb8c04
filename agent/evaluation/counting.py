"""Counts the images of an evaluation: annotations of both sides → tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from agent.evaluation.counts import IMAGES, PAIRS, PREDICTIONS, TAGS, TRUTHS, Counts
from agent.evaluation.matching import match, ranked
from agent.evaluation.overlaps import overlaps_of
from agent.evaluation.plan import NOTHING, Plan
from agent.evaluation.reading import Thing, extent, read_tags, read_things
from agent.evaluation.segmentation import count_pixels


class Item(NamedTuple):
    """An image: its number, unique in the evaluation, its size (width, height), and the annotations of both sides.

    An annotation is the object of an annotation file; {} has no labels. `problem` says why nothing of the image can be
    compared; it is kept with the counts.
    """

    image: int
    size: tuple[int, int]
    truth: Mapping[str, Any]
    predicted: Mapping[str, Any]
    problem: str = ""


def count_image(
    plan: Plan, truth: Mapping[str, Any], predicted: Mapping[str, Any], size: tuple[int, int], image: int
) -> Counts:
    """The counts of one image. `count_images` is faster for many."""
    return count_images(plan, [Item(image, size, truth, predicted)])


def count_images(plan: Plan, items: Iterable[Item]) -> Counts:
    """The counts of images, a few hundred at once. Labels that cannot be read become problems of their image."""
    rows: dict[str, list[Any]] = {name: [] for name in ("images", "truths", "predictions", "pairs", "tags")}
    pixels, confusion = [], []
    problems: list[tuple[int, str]] = []
    for item in items:
        rows["images"].append((item.image, *item.size, not item.problem))
        if item.problem:
            problems.append((item.image, item.problem))
            continue
        truth = read_things(plan, item.truth, item.size, predicted=False)
        predicted = read_things(plan, item.predicted, item.size, predicted=True)
        problems += [(item.image, sentence) for sentence in (*truth.problems, *predicted.problems)]
        if plan.judges("segmentation"):
            of_classes, of_pairs = count_pixels(plan, item.image, truth.things, predicted.things, item.size)
            pixels.append(of_classes)
            confusion.append(of_pairs)
        if plan.judges("detection") or plan.judges("points"):
            _add_objects(plan, item, truth.things, predicted.things, rows)
        if plan.judges("tags"):
            rows["tags"] += _tag_rows(plan, item)
    truths, predictions = np.array(rows["truths"], TRUTHS), np.array(rows["predictions"], PREDICTIONS)
    pairs = np.array(rows["pairs"], PAIRS)
    predictions["rank"] = ranked(predictions)
    match(truths, predictions, pairs)
    empty = Counts.empty()
    return Counts(
        np.array(rows["images"], IMAGES),
        np.concatenate(pixels) if pixels else empty.pixels,
        np.concatenate(confusion) if confusion else empty.confusion,
        truths,
        predictions,
        pairs,
        np.array(rows["tags"], TAGS),
        tuple(problems),
    )


def _add_objects(
    plan: Plan, item: Item, truth: list[Thing], predicted: list[Thing], rows: dict[str, list[Any]]
) -> None:
    if plan.background != NOTHING:  # what surrounds objects is none
        truth = [thing for thing in truth if thing.number != plan.background]
        predicted = [thing for thing in predicted if thing.number != plan.background]
    first, first_predicted = len(rows["truths"]), len(rows["predictions"])
    rows["truths"] += [(item.image, thing.object, thing.number, extent(thing)) for thing in truth]
    rows["predictions"] += [
        (item.image, thing.object, thing.number, extent(thing), *_sureness(thing.confidence), 0, 0, 0)
        for thing in predicted
    ]
    rows["pairs"] += [
        (first + pair.truth, first_predicted + pair.prediction, pair.overlap, pair.distance, 0)
        for pair in overlaps_of(truth, predicted, item.size)
    ]


def _sureness(confidence: float | None) -> tuple[float, bool]:
    """A prediction without a confidence counts as sure."""
    return (1.0, False) if confidence is None else (confidence, True)


def _tag_rows(plan: Plan, item: Item) -> list[tuple[Any, ...]]:
    truth = read_tags(plan, item.truth, predicted=False)
    predicted = read_tags(plan, item.predicted, predicted=True)
    return [
        (item.image, tag, tag in truth, tag in predicted, *_sureness(predicted.get(tag)))
        for tag in sorted(truth.keys() | predicted.keys())
    ]
