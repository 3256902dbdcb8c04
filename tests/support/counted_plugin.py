"""The counted plugin for the fake engine: it prints and saves as the real one does, and as the audit expects it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.engines import Frame
from tests.support.fake_engine import checkpoint, event, metrics, write_checkpoint
from tests.support.inputs import write_project


def counting(lines: int) -> Callable[[Path], Iterator[str | Frame]]:
    """What the plugin does with a config of so many lines."""

    def counted(folder: Path) -> Iterator[str | Frame]:
        is_training = (folder / "tmp").exists()
        for number in range(1, lines + 1):
            yield 1, f"out {number}\n".encode()
            yield f"err {number}"
            yield metrics(float(number), loss=1.0 / number)
            if is_training:
                write_checkpoint(folder / "results", number, (b"%08d" % number) * 100)
                yield checkpoint(number, best=True)
        if not is_training:
            shutil.rmtree(folder / "results" / "fruit", ignore_errors=True)
            write_project(folder / "results" / "fruit")
            yield event("MODEL_APPLIED")

    return counted
