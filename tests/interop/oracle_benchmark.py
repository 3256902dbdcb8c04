"""The official package's benchmark of segmentation, on maps of classes: `{"titles", "pairs": [[truth, predicted]]}`.

A map has 1 where the first class is. The answer has a figure of each class, and the shares of its confusion.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from supervisely.nn.benchmark.utils.semantic_segmentation import evaluator

FIGURES = ("IoU", "precision", "recall", "F1_score", "boundary_IoU")


def figures(titles: list[str], pairs: list[Any]) -> dict[str, Any]:
    maps = [(np.array(predicted), np.array(truth), str(at)) for at, (truth, predicted) in enumerate(pairs)]
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Its threads add to one array without a lock, and may lose what another has added; one thread does not.
        evaluator.ThreadPoolExecutor = lambda **_: ThreadPoolExecutor(1)
        found = evaluator.Evaluator(titles).evaluate(maps)
    rows = found["result"].loc[titles]
    return {**{name: rows[name].tolist() for name in FIGURES}, "confusion": found["confusion_matrix"].tolist()}


if __name__ == "__main__":
    print(json.dumps(figures(**json.load(sys.stdin))))
