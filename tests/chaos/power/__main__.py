"""The power is cut at many moments of real runs, and what is left is opened and counted.

    python -m tests.chaos.power [--points 2000] [--seed 1] [--jobs 2] [--only training] [--keep]

The runs (`scenarios.py`) are recorded operation by operation (`operations.py`, `record.c`); what a power cut may leave
of them is said in `disk.py`; what must be true of it in `homes.py`. The exit code is 0 when nothing was lost.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.power.operations import missing_tool
from tests.chaos.power.scenarios import ALL
from tests.chaos.power.simulate import simulate

_ROOM_BYTES = 2 << 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.power")
    parser.add_argument("--points", type=int, default=2000, help="power cuts over all runs (default 2000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=[scenario.name for scenario in ALL])
    parser.add_argument("--keep", action="store_true", help="keep the recordings")
    asked = parser.parse_args()
    if missing := missing_tool():
        print(missing)
        return 2
    chosen = [scenario for scenario in ALL if asked.only in (None, scenario.name)]
    folder = Path(tempfile.mkdtemp(prefix="power-", dir=_room()))
    try:
        reports = simulate(chosen, folder, count=asked.points, seed=asked.seed, jobs=asked.jobs)
    finally:
        if not asked.keep:
            shutil.rmtree(folder)
    for report in reports:
        print(report.text())
    if asked.keep:
        print(f"kept in {folder}")
    lost = sum(len(report.problems) for report in reports)
    print(f"seed {asked.seed}: {sum(report.points for report in reports)} power cuts, {lost} with something lost")
    return 1 if lost else 0


def _room() -> str | None:
    """Memory where there is enough: the power is cut in the model, not on the disk below."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES else None


if __name__ == "__main__":
    sys.exit(main())
