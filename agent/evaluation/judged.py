"""Counts with what was computed of them: nothing twice, however often figures are asked for. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from agent.evaluation.counts import Counts
from agent.evaluation.object_figures import ObjectFigures, Objects, threshold_of
from agent.evaluation.plan import BOXES, GRAPHS, LINES, MASKS, POINTS, Plan
from agent.evaluation.segmentation_figures import segmentation
from agent.evaluation.tag_figures import TagFigures


class Judged:
    """The counts of an evaluation, or of a slice of it, ready for figures at any confidence.

    Threads must not share it.
    """

    def __init__(self, plan: Plan, counts: Counts, whole: Judged | None = None) -> None:
        """`whole`: what this is a slice of. It says whether tags exclude each other, and objects are told apart."""
        self.plan = plan
        self.counts = counts
        self._whole = whole

    @cached_property
    def objects(self) -> Objects:
        return Objects(self.plan, self.counts)

    @cached_property
    def segmentation(self) -> dict[str, Any] | None:
        return segmentation(self.plan, self.counts)

    @cached_property
    def detection(self) -> ObjectFigures | None:
        return self.objects.sections((MASKS, BOXES), "detection", self._whole.detection if self._whole else None)

    @cached_property
    def points(self) -> ObjectFigures | None:
        return self.objects.sections((POINTS, LINES, GRAPHS), "points")

    @cached_property
    def tags(self) -> TagFigures | None:
        if not self.plan.tags or not self.plan.judges("tags"):
            return None
        whole = self._whole.tags if self._whole is not None else None
        return TagFigures(self.plan, self.counts, whole.verdicts.is_single if whole is not None else None)

    def confidence(self, wanted: float | None, iou: float) -> float:
        """The one that is wanted; for None the best one of detection, or of points if there is no detection."""
        if wanted is not None:
            return wanted
        section = self.detection or self.points
        return section.default_confidence(threshold_of(iou)) if section else 0.0

    def sections(self, confidence: float | None, iou: float) -> dict[str, Any]:
        """The sections of `figures.figures`."""
        confidence_of_objects = self.confidence(confidence, iou)
        found = {
            "segmentation": self.segmentation,
            "detection": self.detection.section(confidence_of_objects, iou) if self.detection else None,
            "points": self.points.section(confidence_of_objects, iou) if self.points else None,
            "tags": self.tags.section(confidence) if self.tags else None,
        }
        return {name: section for name, section in found.items() if section is not None}
