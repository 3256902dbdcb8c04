"""The detector example's modules. Half of them are named like the first example's, so they are imported aside."""

from __future__ import annotations

import importlib
import sys

from tests.example_runs import DETECTION

_NAMES = ("model", "boxes", "metrics", "dataset", "train", "inference")


def _imported() -> list[object]:
    source = str(DETECTION / "src")
    others = {name: sys.modules.pop(name) for name in _NAMES if name in sys.modules}
    sys.path.insert(0, source)
    try:
        return [importlib.import_module(name) for name in _NAMES]
    finally:
        sys.path.remove(source)
        for name in _NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(others)


model, boxes, metrics, dataset, train, inference = _imported()
