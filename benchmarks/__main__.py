"""Run the benchmarks and print a table of ratios. The exit code is 1 if a ratio is below the wanted value."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
from statistics import median

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Ratio

COMMAND = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
COMMAND.add_argument("names", nargs="*", help="benchmarks to run; all of them if none is named")
COMMAND.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
COMMAND.add_argument("--tasks", type=int, help="how many tasks `clusters` places (default 1000)")


def main() -> int:
    options = COMMAND.parse_args()
    known = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] != "_")
    if unknown := sorted(set(options.names) - set(known)):
        COMMAND.error(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(known)}")
    ratios: list[Ratio] = []
    for name in options.names or known:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "measure"):
            takes_tasks = options.tasks is not None and "tasks" in inspect.signature(module.measure).parameters
            more = {"tasks": options.tasks} if takes_tasks else {}
            ratios += module.measure(options.rounds, **more)
    Console(width=None if sys.stdout.isatty() else 160).print(table(ratios))
    return 0 if all(ratio.good for ratio in ratios) else 1


def table(ratios: list[Ratio]) -> Table:
    shown = Table("", "ours", "against", "min", "median", "max", "wanted", "", title="ratios, above 1 is better")
    for ratio in ratios:
        spread = [f"{value:.2f}" for value in (min(ratio.values), median(ratio.values), max(ratio.values))]
        style = None if ratio.good else "red"
        shown.add_row(ratio.name, ratio.ours, ratio.peer, *spread, f"≥ {ratio.wanted:g}", ratio.remark, style=style)
    return shown


if __name__ == "__main__":
    sys.exit(main())
