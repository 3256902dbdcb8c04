"""Progress bars, metrics, checkpoints: the events of a plugin (contract: events.md 3)."""

from __future__ import annotations

import logging
import math
from typing import Any

from supervisely_lib._utils import sizeof_fmt
from supervisely_lib.sly_logger import EventType, logger

_MIB = 1024 * 1024


def epoch_float(epoch: int, train_it: int, train_its: int) -> float:
    """The epoch as a fraction: 2.5 after half of the iterations of epoch 2 (counted from 0)."""
    return epoch + train_it / float(train_its)


class Progress:
    """A progress bar: it writes a line when it is created, then about a line per percent.

    total_cnt None or 0 means that the total is unknown: each call writes a line, and the total equals the
    current value. With is_size the counts are bytes, and labels like "3.0 MiB" are added.
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
        if self.is_size:  # at most a line per MiB, or per 5 MiB for large files, because bytes pass quickly
            large = self.is_total_unknown or self.total > 40 * _MIB
            self.report_every = max(self.report_every, 5 * _MIB if large else _MIB)
        self._follow()

    def _follow(self) -> None:
        if self.is_total_unknown:
            self.total = self.current

    @property
    def current_label(self) -> str:
        """The current value as text for people."""
        return sizeof_fmt(self.current) if self.is_size else str(self.current)

    @property
    def total_label(self) -> str:
        """The total as text for people."""
        return sizeof_fmt(self.total) if self.is_size else str(self.total)

    def iter_done(self) -> None:
        """Add 1 to the current value, without a line."""
        self.iters_done(1)

    def iters_done(self, count: float) -> None:
        """Add count to the current value, without a line."""
        self.current += count
        self._follow()

    def iter_done_report(self) -> None:
        """Add 1 to the current value; write a line if it is due."""
        self.iters_done_report(1)

    def iters_done_report(self, count: float) -> None:
        """Add count to the current value; write a line if it is due."""
        self.iters_done(count)
        self.report_if_needed()

    def set_current_value(self, value: float, report: bool = True) -> None:
        """Set the current value; with `report`, write a line if it is due."""
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
        """Whether a line is due: at and after the end, at each percent, and if lines were left out before."""
        return (
            self.is_total_unknown
            or self.current >= self.total
            or self.current % self.report_every == 0
            or self.reported_cnt - 1 < self.current // self.report_every
        )

    def report_if_needed(self) -> None:
        """Write a line if it is due."""
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
    """Report that the deployed model waits for requests."""
    logger.info("Ready to get events", extra={"event_type": EventType.TASK_DEPLOYED})


def report_import_finished() -> None:
    """Report that the imported project is in the results."""
    logger.info("import finished", extra={"event_type": EventType.IMPORT_APPLIED})


def report_inference_finished() -> None:
    """Report that the annotated project is in the results.

    On the real platform an inference has no result without it.
    """
    logger.info("model applied", extra={"event_type": EventType.MODEL_APPLIED})


def report_dtl_finished() -> None:
    """Report that the transformed project is in the results."""
    logger.info("DTL finished", extra={"event_type": EventType.DTL_APPLIED})


def report_dtl_verification_finished(output: Any) -> None:
    """Report that the transformation graph is valid."""
    logger.info("Verification finished.", extra={"output": output, "event_type": EventType.TASK_VERIFIED})


def _report_metrics(kind: str, epoch: float, metrics: dict[str, float]) -> None:
    extra = {"event_type": EventType.METRICS, "type": kind, "epoch": epoch, "metrics": metrics}
    logger.info("metrics", extra=extra)


def report_metrics_training(epoch: float, metrics: dict[str, float]) -> None:
    """Report points of the training charts: name → value, at a fractional epoch."""
    _report_metrics("train", epoch, metrics)


def report_metrics_validation(epoch: float, metrics: dict[str, float]) -> None:
    """Report points of the validation charts: name → value, at a fractional epoch."""
    _report_metrics("val", epoch, metrics)


def report_checkpoint_saved(
    checkpoint_idx: int, subdir: str, sizeb: int, best_now: bool, optional_data: dict[str, Any] | None
) -> None:
    """Report that a checkpoint in results/<subdir> is complete; the agent then copies it.

    checkpoint_idx counts from 0; sizeb is in bytes; best_now: the checkpoint is better than all previous checkpoints.
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
