"""Figures of pixels: IoU, Dice, accuracy, boundary IoU. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evaluation.counts import Counts
from agent.evaluation.numbers import mean_of, plain, ratio
from agent.evaluation.plan import MASKS, NOTHING, Plan

_COLUMNS = ("truth", "predicted", "both", "truth_edge", "predicted_edge", "both_edge")
UNLABELED = "no label"  # row and column of confusion matrices


def segmentation(plan: Plan, counts: Counts) -> dict[str, Any] | None:
    """The section, None where no class has pixels."""
    chosen = [index for index, kind in enumerate(plan.kinds) if kind == MASKS]
    if not chosen or not plan.judges("segmentation"):
        return None
    size = len(plan.classes)
    sums = {name: _summed(counts.pixels, name, size)[chosen] for name in _COLUMNS}
    truth, predicted, both = (sums[name] for name in _COLUMNS[:3])
    edges, other_edges, both_edges = (sums[name] for name in _COLUMNS[3:])
    iou = ratio(both, truth + predicted - both)
    figures = {
        "iou": iou,
        "dice": ratio(2 * both, truth + predicted),
        "precision": ratio(both, predicted),
        "recall": ratio(both, truth),
        "boundary_iou": ratio(both_edges, edges + other_edges - both_edges),
    }
    matrix = _matrix(counts, size)
    correct, total = np.trace(matrix), matrix.sum()
    rows = [size if index == NOTHING else index for index in (*chosen, NOTHING)]
    return {
        "headline": {
            **{f"mean_{name}": mean_of(values) for name, values in figures.items()},
            "pixel_accuracy": plain(ratio(correct, total)),
            "pixels": int(total),
        },
        "classes": [
            {
                "title": plan.classes[index],
                **{name: plain(values[at]) for name, values in figures.items()},
                "truth_pixels": int(truth[at]),
                "predicted_pixels": int(predicted[at]),
            }
            for at, index in enumerate(chosen)
        ],
        "confusion": {
            "titles": [*(plan.classes[index] for index in chosen), UNLABELED],
            "counts": matrix[np.ix_(rows, rows)].tolist(),
        },
        "remarks": [],
    }


def _summed(table: NDArray[Any], column: str, size: int) -> NDArray[np.int64]:
    """The sum of each class, exactly: a double holds every sum below 2⁵³ pixels."""
    return np.bincount(table["class"], weights=table[column], minlength=size).astype(np.int64)


def _matrix(counts: Counts, size: int) -> NDArray[np.int64]:
    """Pixels by class of the ground truth and of the predictions; the last row and column are those without a label."""
    table = counts.confusion
    rows, columns = (np.where(table[side] == NOTHING, size, table[side]) for side in ("truth", "predicted"))
    cells = np.bincount(rows * (size + 1) + columns, weights=table["pixels"], minlength=(size + 1) ** 2)
    return cells.astype(np.int64).reshape(size + 1, size + 1)
