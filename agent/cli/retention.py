"""`agent retention`: carry the retention policy out."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import open_installation
from agent.fs.disk import size_text

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go and how much it is; change nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def retention(dry_run: DryRun = False, json: Json = False) -> None:
    """Carry the retention policy out: checkpoints to the trash, old trash, folders, logs and images gone."""
    from agent.maintenance.retention import find_expired  # late: it brings the engines, which are slow to import

    with open_installation() as installation:
        rows = [(expired, "" if dry_run else expired.remove()) for expired in find_expired(installation)]
    if json:
        done = [{**show.removal(expired, problem), "done": not dry_run and not problem} for expired, problem in rows]
        show.as_json(done)
    else:
        show.removals(rows, empty="The policy lets nothing go.")
        sizes: Counter[str] = Counter()
        for expired, problem in rows:
            if not problem:
                sizes[expired.kind] += expired.size_bytes
        for kind, size in sizes.items():
            verb = "would go" if dry_run else "into the trash" if kind == "checkpoint" else "gone"
            show.out.print(f"{kind}: {size_text(size)} {verb}", markup=False)
    if any(problem for _, problem in rows):
        raise typer.Exit(1)
