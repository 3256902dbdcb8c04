"""`agent task images`: the images that a task logged, as a table, as JSON, or as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import show
from agent.fs.disk import size_text
from agent.library.task_images import export_images

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.domain import TaskImage


def print_images(images: list[TaskImage], *, json: bool) -> None:
    if json:
        show.as_json(images)
        return
    rows = (
        (one.id, show.number(one.step), one.name, f"{one.width}×{one.height}", size_text(one.size_bytes), one.caption)
        for one in images
    )
    show.table(("ID", "STEP", "NAME", "PIXELS", "SIZE", "CAPTION"), rows, empty="No images were kept.")


def save_images(artifacts: Artifacts, images: list[TaskImage], folder: Path, *, json: bool) -> None:
    """Write them into a new or empty folder."""
    made = export_images(artifacts, images, folder)
    if json:
        show.as_json([str(place) for place in made])
        return
    said = f"{len(made):,} image{'' if len(made) == 1 else 's'}"
    show.out.print(f"{said} in {folder}", markup=False)
