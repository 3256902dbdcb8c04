"""Names of metrics, and helpers that all metrics share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from supervisely_lib.annotation.label import Label
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.sly_logger import logger

if TYPE_CHECKING:
    from supervisely_lib.project.project import Project

CLASSES_MAPPING = "classes_mapping"
TAGS_MAPPING = "tags_mapping"
CONFIDENCE_THRESHOLD = "confidence_threshold"

TRUE_POSITIVE = "true-positive"
TRUE_NEGATIVE = "true-negative"
FALSE_POSITIVE = "false-positive"
FALSE_NEGATIVE = "false-negative"

ACCURACY = "accuracy"
PRECISION = "precision"
RECALL = "recall"
F1_MEASURE = "F1-measure"

TOTAL = "total"
TOTAL_GROUND_TRUTH = "total-ground-truth"
TOTAL_PREDICTIONS = "total-predictions"

CONFUSION_MATRIX = "confusion-matrix"
UNMATCHED_GT = "unmatched-gt"
UNMATCHED_PREDICTIONS = "unmatched-predictions"


def safe_ratio(num: float, denom: float) -> float:
    """num / denom; 0 if denom is 0."""
    return num / denom if denom != 0 else 0


def sum_counters(elementwise_counters: Iterable[Mapping[str, Any]], counter_names: Iterable[str]) -> dict[str, Any]:
    """The sum of each name over all counters."""
    counters = list(elementwise_counters)
    return {name: sum(counter.get(name, 0) for counter in counters) for name in counter_names}


def require_pairs(mapping: Mapping[str, str], what: str = "classes") -> dict[str, str]:
    """A copy of the mapping from ground truth names to predicted names. RuntimeError if it is empty."""
    if not mapping:
        raise RuntimeError(f"At least one {what} pair should be defined!")
    return dict(mapping)


def log_line(length: int = 80, c: str = " ") -> None:
    """Log a line of one character."""
    logger.info(c * length)


def log_head(string: str) -> None:
    """Log a title between asterisks."""
    logger.info(string.center(80, "*"))


def render_labels_for_class_name(labels: Iterable[Label], class_name: str, canvas: Array) -> None:
    """Draw labels on a bool canvas in order: true for labels of this class, false for all others."""
    render_labels_for_classes(labels, {class_name: True}, canvas, missing_classes_color=False)


def render_labels_for_classes(
    labels: Iterable[Label], class_colors: Mapping[str, Any], canvas: Array, missing_classes_color: Any
) -> None:
    """Draw labels in the colours of their classes, in order."""
    for label in labels:
        label.geometry.draw(canvas, class_colors.get(label.obj_class.name, missing_classes_color))


def check_class_mapping(first_project: Project, second_project: Project, classes_mapping: Mapping[str, str]) -> None:
    """RuntimeError if a class of the mapping is missing in its project."""
    for first, second in classes_mapping.items():
        for name, project in ((first, first_project), (second, second_project)):
            if not project.meta.obj_classes.has_key(name):
                raise RuntimeError(f'Class {name} does not exist in input project "{project.name}".')


def check_tag_mapping(first_project: Project, second_project: Project, tags_mapping: Mapping[str, str]) -> None:
    """RuntimeError if a tag of the mapping is missing in its project."""
    for first, second in tags_mapping.items():
        for name, project in ((first, first_project), (second, second_project)):
            if not project.meta.tag_metas.has_key(name):
                raise RuntimeError(f'Tag {name} does not exist in input project "{project.name}".')
