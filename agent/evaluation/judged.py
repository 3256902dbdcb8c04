"""Counts with what was computed of them: nothing twice, however often figures are asked for. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from agent.evaluation.counts import Counts
from agent.evaluation.detection_figures import Detection
from agent.evaluation.plan import BOXES, MASKS, Plan
from agent.evaluation.segmentation_figures import segmentation


class Judged:
    """The counts of an evaluation, or of a slice of it, ready for figures at any confidence.

    Not for several threads.
    """

    def __init__(self, plan: Plan, counts: Counts) -> None:
        self.plan = plan
        self.counts = counts

    @cached_property
    def segmentation(self) -> dict[str, Any] | None:
        return segmentation(self.plan, self.counts)

    @cached_property
    def detection(self) -> Detection | None:
        return Detection.of(self.plan, self.counts, (MASKS, BOXES), "detection")

    def sections(self, confidence: float | None, iou: float) -> dict[str, Any]:
        found = {
            "segmentation": self.segmentation,
            "detection": self.detection.section(confidence, iou) if self.detection else None,
        }
        return {name: section for name, section in found.items() if section is not None}
