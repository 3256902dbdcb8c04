"""Precision and recall of image tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_meta import TagValueType
from supervisely_lib.metric.common import (
    ACCURACY,
    F1_MEASURE,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    PRECISION,
    RECALL,
    TRUE_NEGATIVE,
    TRUE_POSITIVE,
    require_pairs,
    safe_ratio,
    sum_counters,
)
from supervisely_lib.metric.metric_base import MetricsBase

RAW_COUNTERS = [TRUE_POSITIVE, TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE]


def _with_ratios(counters: Mapping[str, int]) -> dict[str, Any]:
    tp, tn, fp, fn = (counters[name] for name in RAW_COUNTERS)
    return {
        **counters,
        ACCURACY: safe_ratio(tp + tn, tp + tn + fp + fn),
        PRECISION: safe_ratio(tp, tp + fp),
        RECALL: safe_ratio(tp, tp + fn),
        F1_MEASURE: safe_ratio(2.0 * tp, 2.0 * tp + fp + fn),
    }


class ClassificationMetrics(MetricsBase):
    """For each pair of tags: presence in both.

    A tag with a number counts as present if the number reaches a threshold.
    """

    def __init__(self, tags_mapping: Mapping[str, str], confidence_threshold: float = 0) -> None:
        """tags_mapping: ground truth tag → predicted tag."""
        self._tags_mapping = require_pairs(tags_mapping, "tags")
        self._confidence_threshold = confidence_threshold
        self._counters = {name: dict.fromkeys(RAW_COUNTERS, 0) for name in tags_mapping}

    def _is_present(self, tag: Tag | None) -> bool:
        if tag is None:
            return False
        if tag.meta.value_type != TagValueType.ANY_NUMBER or not isinstance(tag.value, (int, float)):
            return True
        return tag.value >= self._confidence_threshold

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        for name_gt, name_pred in self._tags_mapping.items():
            is_true = self._is_present(ann_gt.img_tags.get(name_gt))
            is_guessed = self._is_present(ann_pred.img_tags.get(name_pred))
            if is_true == is_guessed:
                name = TRUE_POSITIVE if is_true else TRUE_NEGATIVE
            else:
                name = FALSE_NEGATIVE if is_true else FALSE_POSITIVE
            self._counters[name_gt][name] += 1

    def get_metrics(self) -> dict[str, Any]:
        return {name: _with_ratios(counters) for name, counters in self._counters.items()}

    def get_total_metrics(self) -> dict[str, Any]:
        return _with_ratios(sum_counters(self._counters.values(), RAW_COUNTERS))
