"""Log every kind of line of a plugin through the SDK of the given import name. The tests read stderr."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import os
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np

sly = importlib.import_module(sys.argv[1])
progress = importlib.import_module(f"{sys.argv[1]}.task.progress")
sly_logger = importlib.import_module(f"{sys.argv[1]}.sly_logger")


class Odd:
    def __str__(self) -> str:
        return "odd é 漢"


def plain_lines() -> None:
    log = sly.logger
    log.trace("not seen at level debug")
    log.debug("debug %s", 3)
    log.info("unicode é 漢", extra={"first": 1, "second": [1, "a", None, True]})
    log.warning("low memory", extra={"free_mb": 12})
    log.warning("low memory")
    log.error("failed item", extra={"exc_str": "x"})
    log.fatal("fatal")
    log.critical("critical")
    log.info({"a": "dictionary"})
    log.info("100 %")
    values = {
        "float64": np.float64(0.5),
        "float32": np.float32(0.25),
        "int": np.int64(3),
        "array": np.arange(3),
        "bytes": b"bytes",
        "path": Path("/a/b"),
        "odd": Odd(),
        "enum": sly.EventType.METRICS,
        "decimal": Decimal("1.50"),
        "date": datetime.date(2020, 1, 2),
        "time": datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.UTC),
        "exception": ValueError("bad"),
        "tuple": (1, 2),
        "keys": {1: "a", None: "b"},
    }
    log.info("values", extra={"values": values, **{f"top_{key}": value for key, value in values.items()}})
    try:
        raise ValueError("caught")
    except ValueError:
        log.error("with the current exception")
        log.info("without")
        log.info("with", exc_info=True)


def default_fields() -> None:
    sly_logger.change_formatters_default_values(sly.logger, "service", "x")
    sly.logger.info("has it", extra={"own": 1})
    sly.logger.info("own wins", extra={"service": "y"})
    sly_logger.change_formatters_default_values(sly.logger, "service", None)
    sly.logger.info("has it not")


def reports() -> None:
    sly.report_metrics_training(progress.epoch_float(2, 1, 4), {"loss": 0.6931471805599453, "f32": np.float32(0.25)})
    sly.report_metrics_validation(1, {"accuracy": 1})
    progress.report_checkpoint_saved(0, "00000000", 2048, True, {"epoch": 0.5, "val_metrics": {"loss": 0.41}})
    progress.report_checkpoint_saved(1, "00000001", 4096, np.bool_(False), None)
    progress.report_inference_finished()
    progress.report_import_finished()
    progress.report_dtl_finished()
    progress.report_dtl_verification_finished({"is_archive": False})
    progress.report_agent_rpc_ready()


def progress_bars() -> None:
    for total in (0, 1, 3, 99, 100, 101, 250, 1000, 12.5):
        bar = sly.Progress(f"total {total}: ", total)
        for _ in range(int(total) + 3):
            bar.iter_done_report()
    bar = sly.Progress("jumps", 1000)
    for step in (1, 9, 30, 0.5, 400, 3, 700):
        bar.iters_done_report(step)
    for value in (5, 990, 1000, 2000):
        bar.set_current_value(value)
    bar = sly.Progress("silent", 500)
    for _ in range(70):
        bar.iter_done()
    bar.report_if_needed()
    bar.report_progress()
    for size in (1, 3 * 2**20, 60 * 2**20, 2**31, 0):
        bar = sly.Progress("bytes", size, is_size=True)
        for _ in range(40):
            bar.iters_done_report(size / 37 or 2**19)


def crash() -> None:
    def main(a: int, b: int = 0) -> None:
        raise RuntimeError(f'There are no annotations with tag "val", é {a} {b}')

    os.environ["SLY_DEBUG"] = "1"  # raises at the end, in either SDK
    with contextlib.suppress(RuntimeError):
        sly.main_wrapper("DEMO_TRAIN", main, 1, b=2)


def success() -> None:
    sly.main_wrapper("DEMO", lambda: None)
    wrapper = importlib.import_module(f"{sys.argv[1]}.function_wrapper")
    wrapper.function_wrapper_nofail(lambda: 1 / 0)
    wrapper.catch_silently(lambda: 1 / 0)


for say in (plain_lines, default_fields, reports, progress_bars, crash, success):
    say()
