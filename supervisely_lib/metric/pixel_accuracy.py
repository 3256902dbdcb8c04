"""Pixel accuracy: the share of pixels with the correct class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.metric.common import (
    ACCURACY,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    PRECISION,
    RECALL,
    TOTAL,
    TRUE_NEGATIVE,
    TRUE_POSITIVE,
    render_labels_for_classes,
    require_pairs,
    safe_ratio,
)
from supervisely_lib.metric.metric_base import MetricsBase

_COUNTERS = (TRUE_POSITIVE, TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TOTAL)


def _add(counters: dict[str, int], masks: tuple[Array, Array, Array, Array]) -> None:
    """masks: bool (h, w) of true and false positives and negatives, in the order of the counters."""
    for name, mask in zip(_COUNTERS, masks):
        counters[name] += int(np.count_nonzero(mask))
    counters[TOTAL] += masks[0].size


class PixelAccuracyMetric(MetricsBase):
    """Pixel accuracy for each pair of classes, and for all pixels that belong to a class."""

    def __init__(self, class_mapping: Mapping[str, str]) -> None:
        """class_mapping: ground truth class → predicted class."""
        self._class_mapping = require_pairs(class_mapping)
        self._counters = {name: dict.fromkeys(_COUNTERS, 0) for name in class_mapping}
        self._total_counters = dict.fromkeys(_COUNTERS, 0)
        self._gt_colors = {name: i for i, name in enumerate(class_mapping, start=1)}
        self._pred_colors = {name: i for i, name in enumerate(class_mapping.values(), start=1)}

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        truth, guess = np.zeros(ann_gt.img_size, np.int32), np.zeros(ann_gt.img_size, np.int32)
        render_labels_for_classes(ann_gt.labels, self._gt_colors, truth, missing_classes_color=0)
        render_labels_for_classes(ann_pred.labels, self._pred_colors, guess, missing_classes_color=0)
        for name_gt, name_pred in self._class_mapping.items():
            is_true, is_guessed = truth == self._gt_colors[name_gt], guess == self._pred_colors[name_pred]
            masks = (is_true & is_guessed, ~is_true & ~is_guessed, ~is_true & is_guessed, is_true & ~is_guessed)
            _add(self._counters[name_gt], masks)
        equal, none_guessed = truth == guess, guess == 0
        masks = (equal & ~none_guessed, equal & none_guessed, ~equal & ~none_guessed, ~equal & none_guessed)
        _add(self._total_counters, masks)

    @staticmethod
    def _from_counters(counters: Mapping[str, int]) -> dict[str, float]:
        right = counters[TRUE_POSITIVE]
        return {
            PRECISION: safe_ratio(right, right + counters[FALSE_POSITIVE]),
            RECALL: safe_ratio(right, right + counters[FALSE_NEGATIVE]),
            ACCURACY: safe_ratio(right + counters[TRUE_NEGATIVE], counters[TOTAL]),
        }

    def get_metrics(self) -> dict[str, Any]:
        return {name: self._from_counters(counters) for name, counters in self._counters.items()}

    def get_total_metrics(self) -> dict[str, Any]:
        return self._from_counters(self._total_counters)
