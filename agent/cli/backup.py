"""`agent backup` and `agent restore`: an installation in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.house import load_settings, open_house


def backup(file: Annotated[Path, typer.Argument(help="The file to write; must not exist.")]) -> None:
    """Write the whole library and every task's record to one file, while everything goes on."""
    from agent import backup as backups

    with open_house() as house:
        made = backups.backup(house.store, house.artifacts, file)
    what = f"{len(made.blobs)} blobs, {show.size(made.size_bytes)}"
    show.out.print(f"{file} ({what})", markup=False)


def restore(file: Annotated[Path, typer.Argument(help="A file written by `agent backup`.")]) -> None:
    """Make an installation of a backup; AGENT_HOME must be empty."""
    from agent import backup as backups

    settings = load_settings()
    made = backups.restore(settings, file)
    what = f"{len(made.blobs)} blobs, {show.size(made.size_bytes)}, as of {made.made_at:%Y-%m-%d %H:%M} UTC"
    show.out.print(f"{settings.home} ({what})", markup=False)
