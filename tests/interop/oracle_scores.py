"""scikit-learn's figures, each question a line of JSON: `{"do": name of a function here, ...its arguments}`."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve


def one_of_several(truth: list[int], scores: list[list[float]], tags: int) -> dict[str, Any]:
    """`truth`: the tag of each image; `scores`: of each image and tag."""
    guess = [
        row.index(max(row)) if row.count(max(row)) == 1 else len(row) - 1 - row[::-1].index(max(row)) for row in scores
    ]
    labels = list(range(tags))
    options: dict[str, Any] = {"labels": labels, "zero_division": np.nan}
    return {
        "accuracy": metrics.accuracy_score(truth, guess),
        "tops": [metrics.top_k_accuracy_score(truth, np.array(scores), k=k, labels=labels) for k in (1, 3, 5)],
        "precision": metrics.precision_score(truth, guess, average=None, **options).tolist(),
        "recall": metrics.recall_score(truth, guess, average=None, **options).tolist(),
        "f1": metrics.f1_score(truth, guess, average=None, **options).tolist(),
        "confusion": metrics.confusion_matrix(truth, guess, labels=labels).tolist(),
    }


def any_of_several(truth: list[list[int]], scores: list[list[float]], least: float) -> dict[str, Any]:
    """`truth`: of each image and tag, 0 or 1."""
    true, score = np.array(truth), np.array(scores)
    guess = (score >= least).astype(int)
    options: dict[str, Any] = {"average": None, "zero_division": np.nan}
    return {
        "accuracy": metrics.accuracy_score(true, guess),
        "ap": [
            metrics.average_precision_score(true[:, tag], score[:, tag]) if true[:, tag].any() else None
            for tag in range(true.shape[1])
        ],
        "precision": metrics.precision_score(true, guess, **options).tolist(),
        "recall": metrics.recall_score(true, guess, **options).tolist(),
        "f1": metrics.f1_score(true, guess, **options).tolist(),
        "micro_f1": metrics.f1_score(true, guess, average="micro"),
    }


def reliability(confidence: list[float], is_right: list[bool]) -> dict[str, Any]:
    accuracy, mean = calibration_curve(is_right, confidence, n_bins=10)
    return {"accuracy": accuracy.tolist(), "confidence": mean.tolist()}


def pixels(truth: list[int], predicted: list[int], labels: list[int]) -> dict[str, Any]:
    """`truth` and `predicted`: the class of each pixel."""
    return {
        "confusion": metrics.confusion_matrix(truth, predicted, labels=labels).tolist(),
        "iou": metrics.jaccard_score(truth, predicted, labels=labels, average=None, zero_division=0).tolist(),
        "dice": metrics.f1_score(truth, predicted, labels=labels, average=None, zero_division=0).tolist(),
        "accuracy": metrics.accuracy_score(truth, predicted),
    }


if __name__ == "__main__":
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(globals()[question.pop("do")](**question)), flush=True)
