"""The schedule of validations and checkpoints in a training loop."""

from __future__ import annotations

import math

VAL_EVERY = "val_every"

# Sums of fractions are inexact: 0.1 + 0.2 > 0.3. Without this tolerance a validation may come a step late.
_ROUNDING_SLACK = 1e-9


class EvalPlanner:
    """Plans validations at every `val_every` epochs (0.5: twice per epoch) of a training of `epochs` epochs.

    If `val_every` is greater than `epochs`, no validation is due, and so no checkpoint is written.
    """

    def __init__(self, epochs: float, val_every: float) -> None:
        self.epochs = epochs
        self.val_every = val_every
        self.total_val_cnt = self.validations_cnt(epochs, val_every)
        self._val_cnt = 0

    @property
    def performed_val_cnt(self) -> int:
        """The number of validations that `validation_performed` has counted."""
        return self._val_cnt

    @staticmethod
    def validations_cnt(ep_float: float, val_every: float) -> int:
        """The number of validations that are due after `ep_float` epochs."""
        return math.floor(ep_float / val_every + _ROUNDING_SLACK)

    def validation_performed(self) -> None:
        """Count a validation as done."""
        self._val_cnt += 1

    def need_validation(self, epoch_flt: float) -> bool:
        """Whether more validations are due after `epoch_flt` epochs than were performed."""
        return self.validations_cnt(epoch_flt, self.val_every) > self._val_cnt
