"""Matching of predicted labels with true labels."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from supervisely_lib.annotation.label import Label
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.metric.common import safe_ratio


class IndexPairWithScore(NamedTuple):
    """A position in each of two lists, and the score of the match."""

    idx_1: int
    idx_2: int
    score: float


class IndexMatchResult(NamedTuple):
    """Matches, best first, and positions without a match."""

    matches: list[IndexPairWithScore]
    unmatched_indices_1: set[int]
    unmatched_indices_2: set[int]


class LabelsPairWithScore(NamedTuple):
    """Two labels, and the score of the match."""

    label_1: Label
    label_2: Label
    score: float


class LabelsMatchResult(NamedTuple):
    """Matches, best first, and labels without a match."""

    matches: list[LabelsPairWithScore]
    unmatched_labels_1: list[Label]
    unmatched_labels_2: list[Label]


def filter_labels_by_name(labels: Iterable[Label], names_whitelist: Container[str]) -> list[Label]:
    """Labels of these classes."""
    return [label for label in labels if label.obj_class.name in names_whitelist]


def get_geometries_iou(g1: Geometry, g2: Geometry) -> float:
    """Number of shared pixels divided by the number of all pixels of the two shapes, 0…1."""
    box_1, box_2 = g1.to_bbox(), g2.to_bbox()
    if not box_1.intersects_with(box_2):
        return 0.0
    if isinstance(g1, Rectangle) and isinstance(g2, Rectangle):
        common = box_1.crop(box_2)[0].area
        return safe_ratio(common, box_1.area + box_2.area - common)
    around = Rectangle.from_geometries_list([box_1, box_2])
    masks = [np.zeros(around.to_size(), np.bool_) for _ in range(2)]
    for geometry, mask in zip((g1, g2), masks):
        geometry.translate(-around.top, -around.left).draw(mask, True)
    return safe_ratio(float((masks[0] & masks[1]).sum()), float((masks[0] | masks[1]).sum()))


def get_labels_iou(label_1: Label, label_2: Label, img_size: Any = None) -> float:
    """Intersection over union of the shapes of the labels."""
    return get_geometries_iou(label_1.geometry, label_2.geometry)


def match_indices_by_score(
    elems_1: Sequence[Any], elems_2: Sequence[Any], score_threshold: float, score_fn: Callable[[Any, Any], float]
) -> IndexMatchResult:
    """Pairs with at least that score, best first; each element is used at most once."""
    pairs = [
        IndexPairWithScore(i, j, score_fn(one, other))
        for i, one in enumerate(elems_1)
        for j, other in enumerate(elems_2)
    ]
    free_1, free_2 = set(range(len(elems_1))), set(range(len(elems_2)))
    matches = []
    for pair in sorted(pairs, key=lambda pair: pair.score, reverse=True):
        if pair.score >= score_threshold and pair.idx_1 in free_1 and pair.idx_2 in free_2:
            matches.append(pair)
            free_1.remove(pair.idx_1)
            free_2.remove(pair.idx_2)
    return IndexMatchResult(matches, free_1, free_2)


def match_labels_by_iou(
    labels_1: Sequence[Label], labels_2: Sequence[Label], img_size: Any, iou_threshold: float
) -> LabelsMatchResult:
    """Pairs whose intersection over union reaches the threshold, best first; each label is used at most once."""
    found = match_indices_by_score(labels_1, labels_2, iou_threshold, get_labels_iou)
    return LabelsMatchResult(
        [LabelsPairWithScore(labels_1[pair.idx_1], labels_2[pair.idx_2], pair.score) for pair in found.matches],
        [labels_1[i] for i in sorted(found.unmatched_indices_1)],
        [labels_2[i] for i in sorted(found.unmatched_indices_2)],
    )
