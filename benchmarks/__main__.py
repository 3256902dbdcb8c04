"""Run the benchmarks and print a table of ratios. The exit code is 1 if a ratio is below the wanted value.

`--figures` also writes what was measured into docs/reference/figures.md. Without names all benchmarks run but
`clusters`, which starts real clusters and takes as long as all others together.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Ratio
from benchmarks._figures import Measured, remade

FIGURES = Path(__file__).parents[1] / "docs" / "reference" / "figures.md"
ONLY_BY_NAME = frozenset({"clusters"})

COMMAND = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
COMMAND.add_argument("names", nargs="*", help="benchmarks to run; all but clusters if none is named")
COMMAND.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
COMMAND.add_argument("--figures", action="store_true", help="write the results into docs/reference/figures.md")
COMMAND.add_argument("--tasks", type=int, help="how many tasks `clusters` places (default 1000)")


def main() -> int:
    options = COMMAND.parse_args()
    known = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] != "_")
    if unknown := sorted(set(options.names) - set(known)):
        COMMAND.error(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(known)}")
    measured: dict[str, Measured] = {}
    for name in options.names or (name for name in known if name not in ONLY_BY_NAME):
        module = importlib.import_module(f"benchmarks.{name}")
        takes_tasks = options.tasks is not None and "tasks" in inspect.signature(module.measure).parameters
        more = {"tasks": options.tasks} if takes_tasks else {}
        started = time.monotonic()
        ratios = list(module.measure(options.rounds, **more))
        measured[name] = Measured(ratios, datetime.now(UTC).date(), time.monotonic() - started)
        print(f"{name}: {measured[name].took_s:.0f} s", file=sys.stderr)
        if options.figures:  # at once, so that a later benchmark that fails costs nothing
            FIGURES.write_text(remade(FIGURES.read_text(), {name: measured[name]}))
    every = [ratio for one in measured.values() for ratio in one.ratios]
    Console(width=None if sys.stdout.isatty() else 160).print(table(every))
    return 0 if all(ratio.good for ratio in every) else 1


def table(ratios: list[Ratio]) -> Table:
    shown = Table("", "ours", "against", "min", "median", "max", "wanted", "", title="ratios, above 1 is better")
    for ratio in ratios:
        spread = [f"{value:.2f}" for value in (min(ratio.values), median(ratio.values), max(ratio.values))]
        style = None if ratio.good else "red"
        shown.add_row(ratio.name, ratio.ours, ratio.peer, *spread, f"≥ {ratio.wanted:g}", ratio.remark, style=style)
    return shown


if __name__ == "__main__":
    sys.exit(main())
