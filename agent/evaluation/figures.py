"""The figures of an evaluation. Every door (command, REST, pages) gets them here. Pure."""

from __future__ import annotations

from typing import Any

from agent.evaluation import VERSION
from agent.evaluation.counts import Counts
from agent.evaluation.judged import Judged
from agent.evaluation.plan import Plan


def figures(
    plan: Plan, counts: Counts | Judged, *, confidence: float | None = None, iou: float = 0.5
) -> dict[str, Any]:
    """The figures of all images of the counts, as JSON has them.

    A section is there if the plan has something to judge in it: `segmentation`, `detection`, `points`, `tags`. Each has
    `headline` (name → number or None where it is not defined), `classes` (a row each, with its `title`), `confusion`
    (`titles`, and `counts` by row of the ground truth and column of the predictions), `curves` and `remarks`;
    `detection` has `aside`: a sentence where its figures say little as the model tells no objects apart, else None.
    `confidence` is the least that a prediction must have to count (None: the one with the best mean F1), `iou` the
    overlap from which it stands for an object: one of `matching.THRESHOLDS`. Average precision, its curves and
    `segmentation` look at all predictions.

    What does not depend on the confidence is computed once: give `Judged(plan, counts)` where several are asked for.
    """
    judged = counts if isinstance(counts, Judged) else Judged(plan, counts)
    sections = judged.sections(confidence, iou)
    return {
        "version": VERSION,
        "images": len(judged.counts.images),
        "problems": len(judged.counts.problems),
        "remarks": list(plan.remarks),
        **sections,
    }
