"""How soon after a save the first line of a plugin is there: `agent dev`, with a new plugin of the kind segmentation.

Measured from the write of the file to the line in the terminal. The plugin loads torch after its first line.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import Ratio
from tests.support.inputs import Cli

MARKS_S = {"process": 2.0, "docker": 3.0}
SAVES = 10
_FIRST = "Loading torch."
BASE = "supervisely-local/base:0.1.0"  # made by scripts/engine.sh


def measure(rounds: int) -> Iterator[Ratio]:
    for engine, mark_s in MARKS_S.items():
        if engine == "docker" and not _has_docker():
            continue
        kind = "segmentation" if engine == "process" else "bare"  # whose image is small
        with _dev(engine, kind) as (train, stream):
            took = [_until_first(train, stream, kind) for _ in range(max(SAVES, rounds))]
        yield Ratio(
            name="agent dev",
            ours=f"save → first line, {engine}",
            peer=f"{mark_s:g} s",
            values=tuple(mark_s / one for one in took),
            wanted=1,
            remark=f"median of {len(took)}: {median(took):.2f} s",
        )


@contextmanager
def _dev(engine: str, kind: str) -> Iterator[tuple[Path, Iterator[str]]]:
    """The file to save, and the lines of the loop, whose first run has ended."""
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(Path(folder, "home"), {"AGENT_ENGINE": engine})
        made = Path(cli.json("plugin", "new", Path(folder, "bench-dev"), "--kind", kind, "--sample")["folder"])
        loop = cli.start("dev", made, *(("--base", f"base-py={BASE}") if engine == "docker" else ()))
        assert loop.stdout is not None
        lines = iter(loop.stdout.readline, "")
        try:
            for line in lines:
                if "waiting for a save" in line:
                    break
            yield made / "src" / "train.py", lines
        finally:
            loop.send_signal(signal.SIGINT)
            loop.communicate(timeout=60)
            if engine == "docker":
                subprocess.run(["docker", "rmi", "--force", "local/bench-dev:0.1.0"], capture_output=True, check=False)


def _until_first(train: Path, lines: Iterator[str], kind: str) -> float:
    """Seconds; the run goes to its end, so that each save starts from rest."""
    first = _FIRST if kind == "segmentation" else "Config"
    text = train.read_text()
    began = time.perf_counter()
    train.write_text(f"{text}# {began}\n")
    took = None
    for line in lines:
        if took is None and line.strip() == first:
            took = time.perf_counter() - began
        if "waiting for a save" in line:
            break
    if took is None:
        sys.exit("dev: the first line did not come")
    return took


def _has_docker() -> bool:
    try:
        asked = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return asked.returncode == 0
