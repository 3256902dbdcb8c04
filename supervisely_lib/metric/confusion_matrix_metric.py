"""Confusion matrix of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.metric.common import CONFUSION_MATRIX, UNMATCHED_GT, UNMATCHED_PREDICTIONS, require_pairs
from supervisely_lib.metric.matching import filter_labels_by_name, match_labels_by_iou
from supervisely_lib.metric.metric_base import MetricsBase


class ConfusionMatrixMetric(MetricsBase):
    """Counts of (ground truth class, predicted class) among labels matched by intersection over union."""

    def __init__(self, class_mapping: Mapping[str, str], iou_threshold: float) -> None:
        """class_mapping: ground truth class → predicted class."""
        mapping = require_pairs(class_mapping)
        self._iou_threshold = iou_threshold
        self._matrix = {(name_gt, name_pred): 0 for name_gt in mapping for name_pred in mapping.values()}
        self._unmatched_gt = dict.fromkeys(mapping, 0)
        self._unmatched_pred = dict.fromkeys(mapping.values(), 0)

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        labels_gt = filter_labels_by_name(ann_gt.labels, self._unmatched_gt)
        labels_pred = filter_labels_by_name(ann_pred.labels, self._unmatched_pred)
        found = match_labels_by_iou(labels_gt, labels_pred, ann_gt.img_size, self._iou_threshold)
        for pair in found.matches:
            self._matrix[pair.label_1.obj_class.name, pair.label_2.obj_class.name] += 1
        for label in found.unmatched_labels_1:
            self._unmatched_gt[label.obj_class.name] += 1
        for label in found.unmatched_labels_2:
            self._unmatched_pred[label.obj_class.name] += 1

    def get_metrics(self) -> dict[str, Any]:
        return {
            CONFUSION_MATRIX: self._matrix.copy(),
            UNMATCHED_GT: self._unmatched_gt.copy(),
            UNMATCHED_PREDICTIONS: self._unmatched_pred.copy(),
        }

    def get_total_metrics(self) -> dict[str, Any]:
        return self.get_metrics()
