"""The modules of the detector example.

Some have the same names as modules of the other example, so the import is separate.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from tests.support.example_runs import DETECTION

_NAMES = ("model", "boxes", "metrics", "dataset", "pictures", "train", "inference")


def _imported() -> list[ModuleType]:
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


model, boxes, metrics, dataset, pictures, train, inference = _imported()
