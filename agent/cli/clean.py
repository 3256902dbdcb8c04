"""`agent clean`: what ended tasks have left behind."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import show
from agent.cli.house import open_house

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Images = Annotated[bool, typer.Option("--images", help="Also the images built here that no task needs now.")]


def clean(dry_run: DryRun = False, images: Images = False, json: Json = False) -> None:
    """Remove containers and folders that ended tasks have left; never anything of a running task, or not ours."""
    from agent.clean import leftovers  # late: it brings the engines, which are slow to import

    with open_house() as house:
        found = leftovers(house, images=images)
        problems = ["" if dry_run else one.remove() for one in found]
    rows = list(zip(found, problems, strict=True))
    if json:
        show.as_json(
            [
                {**show.removal(one, problem), "task_id": one.task_id, "removed": not dry_run and not problem}
                for one, problem in rows
            ]
        )
    else:
        show.removals(rows, empty="Nothing is left of ended tasks.")
        gone = [one for one, problem in rows if not problem]
        if gone:
            verb = "would be removed" if dry_run else "removed"
            total = show.size(sum(one.size_bytes for one in gone))
            show.out.print(f"{len(gone)} {verb}, up to {total}", markup=False)
    if any(problems):
        raise typer.Exit(1)
