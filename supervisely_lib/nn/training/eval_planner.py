"""When a training loop should stop to validate and save."""

from __future__ import annotations

import math

VAL_EVERY = "val_every"

# 0.1 + 0.2 is a little over 0.3 and 3 * 0.1 a little under: without it a validation may come one step late.
_ROUNDING_SLACK = 1e-9


class EvalPlanner:
    """Plans validations at every `val_every` epochs (0.5: twice per epoch) of a training of `epochs` epochs.

    With `val_every` above `epochs` no validation is ever due, and so no checkpoint is written.
    """

    def __init__(self, epochs: float, val_every: float) -> None:
        self.epochs = epochs
        self.val_every = val_every
        self.total_val_cnt = self.validations_cnt(epochs, val_every)
        self._val_cnt = 0

    @property
    def performed_val_cnt(self) -> int:
        """How many validations were reported by `validation_performed`."""
        return self._val_cnt

    @staticmethod
    def validations_cnt(ep_float: float, val_every: float) -> int:
        """How many validations are due when `ep_float` epochs are done."""
        return math.floor(ep_float / val_every + _ROUNDING_SLACK)

    def validation_performed(self) -> None:
        """Count one validation as done."""
        self._val_cnt += 1

    def need_validation(self, epoch_flt: float) -> bool:
        """Whether more validations are due after `epoch_flt` epochs than were performed."""
        return self.validations_cnt(epoch_flt, self.val_every) > self._val_cnt
