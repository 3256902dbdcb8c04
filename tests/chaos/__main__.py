"""`make chaos`: real tasks among hostile plugins and clients, while agents, containers, the engine's connection and the
web are killed at random.

    python -m tests.chaos [--seconds 180] [--seed 1] [--engine process|docker|both] [--kills 1]
    python -m tests.chaos --cluster kubernetes|slurm [--seconds 180] [--seed 1] [--away store=120,agent=600]

With `--cluster` it is a real cluster whose nodes, agents, pods, jobs and servers are killed (`clusters/`).

The seed decides which process or connection is killed, and in which order; the machine decides which task a kill
meets. Afterwards `audit.py` counts every task. The report is printed and kept in .build/chaos/; the exit code is 0 if
nothing was lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from agent.fs.disk import remove_tree
from tests.chaos.clusters.command import on_cluster
from tests.chaos.clusters.plan import WAYS, read_away
from tests.chaos.monkey import Monkey
from tests.support.inputs import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("process", "docker", "both"), default="both")
    parser.add_argument("--kills", type=int, default=1, help="how many there must be at least for a proof (default 1)")
    parser.add_argument(
        "--cluster", choices=tuple(WAYS), help="on a real cluster of two nodes, which is started for it"
    )
    parser.add_argument(
        "--away",
        type=read_away,
        default={},
        help="seconds: store=120,objects=120 each time; agent=600,controller=600 once",
    )
    asked = parser.parse_args()
    if asked.cluster:
        return on_cluster(asked.cluster, asked.seed, asked.seconds, asked.away)
    kept = ROOT / ".build" / "chaos"
    kept.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"seed-{asked.seed}-", dir=kept))
    report = Monkey(folder, seed=asked.seed, engine=asked.engine).run(asked.seconds)
    if report.kills < asked.kills:
        report.problems.append(f"only {report.kills} kills, and {asked.kills} are wanted")
    (folder / "report.txt").write_text(report.text())
    if not report.problems:  # else the folder shows what happened
        remove_tree(folder / "home")  # hostile plugins nest folders deeper than Python's stack
    print(report.text())
    print(f"kept in {folder}")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
