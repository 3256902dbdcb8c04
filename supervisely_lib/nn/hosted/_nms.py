"""Non-maximum suppression of rectangle labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from supervisely_lib.annotation.label import Label
from supervisely_lib.annotation.tag_meta import TagValueType
from supervisely_lib.geometry.rectangle import Rectangle

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20


def suppress(labels: Sequence[Label], iou_threshold: float, confidence_tag_name: str) -> list[Label]:
    """The labels, without each label that overlaps a more confident label of its class by more than the threshold.

    A suppressed label still suppresses weaker labels. Result: class by class in order of appearance, weakest first.
    RuntimeError unless each label is a rectangle with a number as its confidence tag.
    """
    _require_scored_rectangles(labels, confidence_tag_name)
    by_class: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        by_class[label.obj_class.name].append(label)
    return [label for group in by_class.values() for label in _strongest(group, iou_threshold, confidence_tag_name)]


def _require_scored_rectangles(labels: Iterable[Label], tag_name: str) -> None:
    for label in labels:
        if not isinstance(label.geometry, Rectangle):
            raise RuntimeError("Non-max suppression expects labels with Rectangle geometry.")
        tag = label.tags.get(tag_name)
        if tag is None:
            raise RuntimeError(f'Non-max suppression expects "{tag_name}" tag in labels.')
        if tag.meta.value_type != TagValueType.ANY_NUMBER:
            raise RuntimeError(f'Non-max suppression expects "{tag_name}" tag to have type {TagValueType.ANY_NUMBER}.')


def _strongest(labels: list[Label], iou_threshold: float, tag_name: str) -> list[Label]:
    ascending = sorted(labels, key=lambda label: label.tags.get(tag_name).value)
    boxes = [label.geometry for label in ascending]
    corners = np.array([(box.top, box.left, box.bottom, box.right) for box in boxes], dtype=np.int64)
    return [
        label
        for index, label in enumerate(ascending)
        if bool((_iou(corners[index], corners[index + 1 :]) <= iou_threshold).all())
    ]


def _iou(box: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of a box (4,) with other boxes (N, 4); a box includes the pixels of its corners."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]) + 1
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2] + 1, axis=1)
    result: NDArray[np.float64] = shared / (np.prod(box[2:] - box[:2] + 1) + areas - shared)
    return result
