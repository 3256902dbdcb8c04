"""`agent retention`: what the policy lets go."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.house import open_house

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go and how much it is; change nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def retention(dry_run: DryRun = False, json: Json = False) -> None:
    """Carry the retention policy out: checkpoints to the trash, old trash, folders, logs and images gone."""
    from agent.retention import going  # late: it brings the engines, which are slow to import

    with open_house() as house:
        rows = [(one, "" if dry_run else one.remove()) for one in going(house)]
    if json:
        show.as_json([{**show.removal(one, problem), "done": not dry_run and not problem} for one, problem in rows])
    else:
        show.removals(rows, empty="The policy lets nothing go.")
        sizes: Counter[str] = Counter()
        for one, problem in rows:
            if not problem:
                sizes[one.kind] += one.size_bytes
        for kind, size in sizes.items():
            verb = "would go" if dry_run else "into the trash" if kind == "checkpoint" else "gone"
            show.out.print(f"{kind}: {show.size(size)} {verb}", markup=False)
    if any(problem for _, problem in rows):
        raise typer.Exit(1)
