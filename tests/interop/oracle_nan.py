"""Report metrics that are not numbers, through the SDK of the given import name."""

from __future__ import annotations

import importlib
import sys

sly = importlib.import_module(sys.argv[1])
metrics = {"loss": float("nan"), "up": float("inf"), "down": -float("inf"), "ok": 1.0}
sly.report_metrics_training(0.5, metrics)
