"""Intersection over union of all objects of a class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.metric.common import TOTAL_GROUND_TRUTH, require_pairs, safe_ratio, sum_counters
from supervisely_lib.metric.metric_base import MetricsBase

INTERSECTION = "intersection"
UNION = "union"
IOU = "iou"


def get_intersection(mask_1: Array, mask_2: Array) -> int:
    """Number of pixels in both bool masks."""
    return int(np.count_nonzero(mask_1 & mask_2))


def get_union(mask_1: Array, mask_2: Array) -> int:
    """Number of pixels in either bool mask."""
    return int(np.count_nonzero(mask_1 | mask_2))


def get_iou(mask_1: Array, mask_2: Array) -> float:
    """Intersection over union of bool masks, 0…1."""
    return safe_ratio(get_intersection(mask_1, mask_2), get_union(mask_1, mask_2))


def render_labels_as_binary_mask(labels: Iterable[Label], class_title: str, mask: Array) -> None:
    """Draw the labels of a class on a bool mask."""
    for label in labels:
        if label.obj_class.name == class_title:
            label.geometry.draw(mask, True)


class IoUMetric(MetricsBase):
    """Intersection over union for each pair of classes; intersection and union are mean numbers of pixels per image."""

    def __init__(self, class_mapping: Mapping[str, str]) -> None:
        """class_mapping: ground truth class → predicted class."""
        self._class_mapping = require_pairs(class_mapping)
        self._counters = {name: dict.fromkeys((INTERSECTION, UNION, TOTAL_GROUND_TRUTH), 0) for name in class_mapping}

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        for name_gt, name_pred in self._class_mapping.items():
            mask_gt, mask_pred = np.zeros(ann_gt.img_size, np.bool_), np.zeros(ann_gt.img_size, np.bool_)
            render_labels_as_binary_mask(ann_gt.labels, name_gt, mask_gt)
            render_labels_as_binary_mask(ann_pred.labels, name_pred, mask_pred)
            counters = self._counters[name_gt]
            counters[INTERSECTION] += get_intersection(mask_gt, mask_pred)
            counters[UNION] += get_union(mask_gt, mask_pred)
            counters[TOTAL_GROUND_TRUTH] += 1

    def get_metrics(self) -> dict[str, Any]:
        return {
            name: {
                INTERSECTION: safe_ratio(counters[INTERSECTION], counters[TOTAL_GROUND_TRUTH]),
                UNION: safe_ratio(counters[UNION], counters[TOTAL_GROUND_TRUTH]),
                IOU: safe_ratio(counters[INTERSECTION], counters[UNION]),
            }
            for name, counters in self._counters.items()
        }

    def get_total_metrics(self) -> dict[str, Any]:
        total = sum_counters(self._counters.values(), (INTERSECTION, UNION))
        return {**total, IOU: safe_ratio(total[INTERSECTION], total[UNION])}
