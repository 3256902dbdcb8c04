"""Metrics of segmentation networks."""

from __future__ import annotations

from typing import Any

import numpy as np


class MultiClassAccuracy:
    """Share of pixels with the correct class, without the pixels whose target is `ignore_index`.

    Called with `outputs` (B, C, H, W) scores and `targets` (B, 1, H, W) ids, or (B, H, W) without `squeeze_targets`.
    Gives a numpy float; NaN if every pixel is ignored.
    """

    def __init__(self, ignore_index: int | None = None, squeeze_targets: bool = True) -> None:
        self._ignore_index = ignore_index
        self._squeeze_targets = squeeze_targets

    def __call__(self, outputs: Any, targets: Any) -> np.float64:
        guessed = np.argmax(outputs.data.cpu().numpy(), axis=1)
        wanted = targets.data.cpu().numpy()
        if self._squeeze_targets:
            wanted = np.squeeze(wanted, 1)
        total = guessed.size
        if self._ignore_index is not None:
            total -= int(np.count_nonzero(wanted == self._ignore_index))
        correct = int(np.count_nonzero(guessed == wanted))
        return np.float64(correct / total) if total else np.float64("nan")
