"""Precision and recall of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.metric.common import (
    PRECISION,
    RECALL,
    TOTAL_GROUND_TRUTH,
    TOTAL_PREDICTIONS,
    TRUE_POSITIVE,
    require_pairs,
    safe_ratio,
    sum_counters,
)
from supervisely_lib.metric.matching import filter_labels_by_name, match_labels_by_iou
from supervisely_lib.metric.metric_base import MetricsBase

RAW_COUNTERS = [TRUE_POSITIVE, TOTAL_GROUND_TRUTH, TOTAL_PREDICTIONS]


def _with_ratios(counters: Mapping[str, int]) -> dict[str, Any]:
    return {
        **counters,
        PRECISION: safe_ratio(counters[TRUE_POSITIVE], counters[TOTAL_PREDICTIONS]),
        RECALL: safe_ratio(counters[TRUE_POSITIVE], counters[TOTAL_GROUND_TRUTH]),
    }


class PrecisionRecallMetric(MetricsBase):
    """Precision and recall for each pair of classes; labels are matched by their intersection over union."""

    def __init__(self, class_mapping: Mapping[str, str], iou_threshold: float) -> None:
        """class_mapping: ground truth class → predicted class."""
        self._class_mapping = require_pairs(class_mapping)
        self._iou_threshold = iou_threshold
        self._counters = {name: dict.fromkeys(RAW_COUNTERS, 0) for name in class_mapping}

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        for name_gt, name_pred in self._class_mapping.items():
            labels_gt = filter_labels_by_name(ann_gt.labels, [name_gt])
            labels_pred = filter_labels_by_name(ann_pred.labels, [name_pred])
            found = match_labels_by_iou(labels_gt, labels_pred, ann_gt.img_size, self._iou_threshold)
            counters = self._counters[name_gt]
            counters[TRUE_POSITIVE] += len(found.matches)
            counters[TOTAL_GROUND_TRUTH] += len(labels_gt)
            counters[TOTAL_PREDICTIONS] += len(labels_pred)

    def get_metrics(self) -> dict[str, Any]:
        return {name: _with_ratios(counters) for name, counters in self._counters.items()}

    def get_total_metrics(self) -> dict[str, Any]:
        return _with_ratios(sum_counters(self._counters.values(), RAW_COUNTERS))
