"""Mean average precision, with eleven recall levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label
from supervisely_lib.metric.common import require_pairs
from supervisely_lib.metric.matching import filter_labels_by_name, match_labels_by_iou
from supervisely_lib.metric.metric_base import MetricsBase
from supervisely_lib.sly_logger import logger

AP = "average-precision"


class MatchWithConfidence(NamedTuple):
    """A predicted label: whether it is correct, and its confidence."""

    is_correct: bool
    confidence: float


class MAPMetric(MetricsBase):
    """Mean average precision for each pair of classes; a tag of a predicted label holds its confidence."""

    def __init__(
        self,
        class_mapping: Mapping[str, str],
        iou_threshold: float,
        confidence_tag_name: str = "confidence",
        confidence_threshold: float = 0.0,
    ) -> None:
        """class_mapping: ground truth class → predicted class. ValueError unless it is one to one."""
        self._to_pred = require_pairs(class_mapping)
        self._to_gt = {name_pred: name_gt for name_gt, name_pred in class_mapping.items()}
        if len(self._to_gt) != len(self._to_pred):
            raise ValueError("Mapping from ground truth to prediction class name is not 1-to-1, which mAP needs.")
        self._iou_threshold = iou_threshold
        self._confidence_tag_name = confidence_tag_name
        self._confidence_threshold = confidence_threshold
        self._guesses: dict[str, list[MatchWithConfidence]] = {name: [] for name in class_mapping}
        self._total = dict.fromkeys(class_mapping, 0)

    def _confidence(self, label: Label) -> Any:
        tag = label.tags.get(self._confidence_tag_name)
        return None if tag is None else tag.value

    def _confident(self, labels: list[Label]) -> list[Label]:
        result = []
        for label in labels:
            confidence = self._confidence(label)
            if confidence is None:
                names = (label.obj_class.name, self._confidence_tag_name)
                logger.warning("A label of class %r without tag %r is left out of the measure.", *names)
            elif confidence >= self._confidence_threshold:
                result.append(label)
        return result

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        labels_gt = filter_labels_by_name(ann_gt.labels, self._to_pred)
        labels_pred = self._confident(filter_labels_by_name(ann_pred.labels, self._to_gt))
        found = match_labels_by_iou(labels_gt, labels_pred, ann_gt.img_size, self._iou_threshold)
        for pair in found.matches:
            name_gt = pair.label_1.obj_class.name
            is_correct = pair.label_2.obj_class.name == self._to_pred[name_gt]
            self._guesses[name_gt].append(MatchWithConfidence(is_correct, self._confidence(pair.label_2)))
        for label in found.unmatched_labels_2:
            name_gt = self._to_gt[label.obj_class.name]
            self._guesses[name_gt].append(MatchWithConfidence(False, self._confidence(label)))
        for label in labels_gt:
            self._total[label.obj_class.name] += 1

    def _average_precision(self, name_gt: str) -> float:
        guesses = sorted(self._guesses[name_gt], key=lambda guess: guess.confidence, reverse=True)
        right = np.cumsum([guess.is_correct for guess in guesses])
        if not right.any():
            logger.warning(
                "No match for classes %r and %r: their average precision is 0.", name_gt, self._to_pred[name_gt]
            )
            return 0.0
        recalls = right / self._total[name_gt]
        precisions = right / np.arange(1, len(right) + 1)
        best = [precisions[recalls >= level].max(initial=0.0) for level in np.linspace(0, 1, 11)]
        return float(np.mean(best))

    def get_metrics(self) -> dict[str, Any]:
        return {name: {AP: self._average_precision(name)} for name in self._to_pred}

    def get_total_metrics(self) -> dict[str, Any]:
        return {AP: float(np.mean([values[AP] for values in self.get_metrics().values()]))}
