"""Non-maximum suppression of rectangle labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from supervisely_lib.annotation.label import Label
from supervisely_lib.annotation.tag_meta import TagValueType
from supervisely_lib.geometry.rectangle import Rectangle


def suppress(labels: Sequence[Label], iou_threshold: float, confidence_tag_name: str) -> list[Label]:
    """Labels that overlap no more confident label of their class by more than the threshold.

    A suppressed label still suppresses weaker ones. Result: class by class in order of appearance, weakest first.
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
    """Intersection over union of one box (4,) with others (N, 4); corners are pixels that belong to the box."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]) + 1
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2] + 1, axis=1)
    result: NDArray[np.float64] = shared / (np.prod(box[2:] - box[:2] + 1) + areas - shared)
    return result
