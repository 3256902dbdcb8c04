"""The images that a task logged, as files in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import TaskImage
from agent.errors import Conflict
from agent.formats.image_header import EXTENSION_OF_MIME, EXTENSIONS
from agent.fs.disk import writing
from agent.fs.durable import make_folder
from agent.fs.names import free_name, shown

if TYPE_CHECKING:
    from agent.artifacts import Artifacts

_UNSAFE = re.compile(r"[^\w.\- ]")
_LONGEST = 150  # bytes of the name


def export_images(artifacts: Artifacts, images: Sequence[TaskImage], folder: Path) -> list[Path]:
    """Write the images into a new or empty folder; their paths, in order.

    Raises Conflict for a folder that holds something, NotFound, DiskFull, StorageFailed.
    """
    with writing(str(folder)):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Conflict(f"{shown(str(folder))} exists and is not an empty folder. Choose another one or empty it.")
        make_folder(folder)
    taken: set[str] = set()
    made = []
    for image in images:
        stem = free_name(stem_of(image), lambda wanted: wanted.casefold() in taken)
        taken.add(stem.casefold())
        place = folder / f"{stem}{EXTENSION_OF_MIME[image.mime]}"
        artifacts.place(image.sha256, place, "private")
        made.append(place)
    return made


def stem_of(image: TaskImage) -> str:
    """`val/0` at step 12 → `val_0_step_12`: a file's name that every system takes, without its extension. Pure."""
    name = image.name
    if name.lower().endswith(EXTENSIONS):
        name = name.rpartition(".")[0]
    name = _UNSAFE.sub("_", name).encode()[:_LONGEST].decode(errors="ignore").strip(". ") or "image"
    return name if image.step is None else f"{name}_step_{image.step:.15g}"
