"""`agent backup` and `agent restore`: an installation in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.installation import load_settings, open_installation
from agent.fs.disk import size_text


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; must not exist.")],
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="With the images of plugins that the artifacts keep.")
    ] = True,
) -> None:
    """Write the whole library and every task's record to one file, while everything goes on."""
    from agent.maintenance.backup import backup as write_backup

    with open_installation() as installation:
        store, artifacts, builds = installation.store, installation.artifacts, installation.settings.builds
        made = write_backup(store, artifacts, file, builds=builds, with_images=images)
    what = f"{len(made.blobs)} blobs, {size_text(made.size_bytes)}"
    show.out.print(f"{file} ({what})", markup=False)


def restore(file: Annotated[Path, typer.Argument(help="A file written by `agent backup`.")]) -> None:
    """Make an installation of a backup; AGENT_HOME must be empty."""
    from agent.maintenance.restore import restore as restore_backup

    settings = load_settings()
    made = restore_backup(settings, file)
    what = f"{len(made.blobs)} blobs, {size_text(made.size_bytes)}, as of {made.made_at:%Y-%m-%d %H:%M} UTC"
    show.out.print(f"{settings.home} ({what})", markup=False)
