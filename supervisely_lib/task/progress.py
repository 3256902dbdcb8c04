"""Progress bars, metrics, checkpoints: the events of a plugin (contract: events.md 3)."""

from __future__ import annotations

import logging
import math
from typing import Any

from supervisely_lib._utils import sizeof_fmt
from supervisely_lib.sly_logger import EventType, logger

_MIB = 1024 * 1024


def epoch_float(epoch: int, train_it: int, train_its: int) -> float:
    """Epoch as a fraction: 2.5 when half of the iterations of epoch 2 (counted from 0) are done."""
    return epoch + train_it / float(train_its)


class Progress:
    """A progress bar: one line when made, then about one per percent.

    total_cnt None or 0 means that the total is unknown: then each call writes a line, and the total
    follows the current value. With is_size the counts are bytes and labels like "3.0 MiB" are added.
    """

    def __init__(
        self,
        message: str,
        total_cnt: float | None = None,
        ext_logger: logging.Logger | None = None,
        is_size: bool = False,
        need_info_log: bool = False,
        min_report_percent: int = 1,
    ) -> None:
        self.message = message
        self.logger = ext_logger or logger
        self.is_size = is_size
        self.need_info_log = need_info_log
        self.current: float = 0
        self.reported_cnt = 0
        self._start(total_cnt, min_report_percent)
        self.report_progress()

    def _start(self, total: float | None, percent: int = 1) -> None:
        self.total: float = total or 0
        self.is_total_unknown = not total
        self.report_every = max(1, math.ceil(self.total / 100 * percent))
        if self.is_size:  # bytes pass quickly: never more than one line per MiB, per 5 MiB for large files
            large = self.is_total_unknown or self.total > 40 * _MIB
            self.report_every = max(self.report_every, 5 * _MIB if large else _MIB)
        self._follow()

    def _follow(self) -> None:
        if self.is_total_unknown:
            self.total = self.current

    @property
    def current_label(self) -> str:
        """The current value for people."""
        return sizeof_fmt(self.current) if self.is_size else str(self.current)

    @property
    def total_label(self) -> str:
        """The total for people."""
        return sizeof_fmt(self.total) if self.is_size else str(self.total)

    def iter_done(self) -> None:
        """One step further, without a line."""
        self.iters_done(1)

    def iters_done(self, count: float) -> None:
        """count steps further, without a line."""
        self.current += count
        self._follow()

    def iter_done_report(self) -> None:
        """One step further, with a line if one is due."""
        self.iters_done_report(1)

    def iters_done_report(self, count: float) -> None:
        """count steps further, with a line if one is due."""
        self.iters_done(count)
        self.report_if_needed()

    def set_current_value(self, value: float, report: bool = True) -> None:
        """Move to value, with a line if one is due and wanted."""
        self.iters_done(value - self.current)
        if report:
            self.report_if_needed()

    def set(self, current: float, total: float | None, report: bool = True) -> None:
        """Start over with another total."""
        self.current = current
        self.reported_cnt = 0
        self._start(total)
        if report:
            self.report_if_needed()

    def need_report(self) -> bool:
        """Whether a line is due: at the end and past it, at each percent, and when lines were left out."""
        return (
            self.is_total_unknown
            or self.current >= self.total
            or self.current % self.report_every == 0
            or self.reported_cnt - 1 < self.current // self.report_every
        )

    def report_if_needed(self) -> None:
        """Write a line if one is due."""
        if self.need_report():
            self.report_progress()

    def report_progress(self) -> None:
        """Write a line now and count it."""
        self.print_progress()
        self.reported_cnt += 1

    def print_progress(self) -> None:
        """Write a line now. Fractions are rounded up."""
        extra: dict[str, Any] = {
            "event_type": EventType.PROGRESS,
            "subtask": self.message,
            "current": math.ceil(self.current),
            "total": math.ceil(self.total),
        }
        if self.is_size:
            extra["current_label"] = self.current_label
            extra["total_label"] = self.total_label
        self.logger.info("progress", extra=extra)
        if self.need_info_log:
            self.logger.info("%s [%s / %s]", self.message, self.current_label, self.total_label)


def report_agent_rpc_ready() -> None:
    """The deployed model waits for requests."""
    logger.info("Ready to get events", extra={"event_type": EventType.TASK_DEPLOYED})


def report_import_finished() -> None:
    """The imported project lies in results."""
    logger.info("import finished", extra={"event_type": EventType.IMPORT_APPLIED})


def report_inference_finished() -> None:
    """The annotated project lies in results. Without this line an inference task has no result."""
    logger.info("model applied", extra={"event_type": EventType.MODEL_APPLIED})


def report_dtl_finished() -> None:
    """The transformed project lies in results."""
    logger.info("DTL finished", extra={"event_type": EventType.DTL_APPLIED})


def report_dtl_verification_finished(output: Any) -> None:
    """The transformation graph is sound."""
    logger.info("Verification finished.", extra={"output": output, "event_type": EventType.TASK_VERIFIED})


def _report_metrics(kind: str, epoch: float, metrics: dict[str, float]) -> None:
    extra = {"event_type": EventType.METRICS, "type": kind, "epoch": epoch, "metrics": metrics}
    logger.info("metrics", extra=extra)


def report_metrics_training(epoch: float, metrics: dict[str, float]) -> None:
    """Points of the training charts, name → value, at a fractional epoch."""
    _report_metrics("train", epoch, metrics)


def report_metrics_validation(epoch: float, metrics: dict[str, float]) -> None:
    """Points of the validation charts, name → value, at a fractional epoch."""
    _report_metrics("val", epoch, metrics)


def report_checkpoint_saved(
    checkpoint_idx: int, subdir: str, sizeb: int, best_now: bool, optional_data: dict[str, Any] | None
) -> None:
    """A checkpoint is complete in results/<subdir>; the agent takes a copy.

    checkpoint_idx counts from 0; sizeb in bytes; best_now: better than all before it.
    """
    extra = {
        "event_type": EventType.CHECKPOINT,
        "id": checkpoint_idx,
        "subdir": subdir,
        "sizeb": sizeb,
        "best_now": best_now,
        "optional": optional_data,
    }
    logger.info("checkpoint", extra=extra)
