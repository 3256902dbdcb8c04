"""`agent clean`: remove what ended tasks have left."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import load_settings, open_installation
from agent.fs.disk import size_text
from agent.installation import half_made_in

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Images = Annotated[bool, typer.Option("--images", help="Also the images built here that no task needs now.")]


def clean(dry_run: DryRun = False, images: Images = False, json: Json = False) -> None:
    """Remove containers and folders that ended tasks have left, and what killed processes have left half made.

    Nothing of a running task, and nothing that is not ours, is removed.
    """
    from agent.maintenance.cleanup import find_half_made, find_orphans  # late: it brings the engines, slow to import
    from agent.store import is_made

    settings = load_settings()
    if is_made(settings.store):
        with open_installation() as installation:
            found = find_orphans(installation, images=images)
            rows = [(orphan, "" if dry_run else orphan.remove()) for orphan in found]
    else:  # none is made here: a home in which a restore was killed stays fit for the next
        rows = [(left, "" if dry_run else left.remove()) for left in find_half_made(half_made_in(settings))]
    if json:
        show.as_json(
            [
                {**show.removal(orphan, problem), "task_id": orphan.task_id, "removed": not dry_run and not problem}
                for orphan, problem in rows
            ]
        )
    else:
        show.removals(rows, empty="Nothing is left of ended tasks and killed processes.")
        gone = [orphan for orphan, problem in rows if not problem]
        if gone:
            verb = "would be removed" if dry_run else "removed"
            total = size_text(sum(orphan.size_bytes for orphan in gone))
            show.out.print(f"{len(gone)} {verb}, up to {total}", markup=False)
    if any(problem for _, problem in rows):
        raise typer.Exit(1)
