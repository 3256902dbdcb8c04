"""What a power cut has taken from files that nobody synced: a plugin's, written shortly before it.

It takes bytes and names, each on its own. A lost name leaves no trace in its folder, so we look for the files that
belong there.
"""

from __future__ import annotations

import errno
import os
from pathlib import PurePosixPath

from agent.formats.model_state import CONFIG
from agent.formats.survey import Survey
from agent.fs.beneath import OpenFolder

WENT_DOWN = "the machine went down before the files were on the disk"


def lost_from_checkpoint(folder: OpenFolder, seen: Survey, size_bytes: int) -> str:
    """What a surveyed checkpoint has lost, as far as can be seen; empty: nothing.

    `size_bytes`: the size of all its files, as the plugin reported it (contract: model.md 3). Raises OSError.
    """
    if all(file.name != CONFIG for file in seen.files):
        return f"{CONFIG} is missing"
    if lost := _lost_bytes(folder, seen):
        return lost
    return f"{seen.size_bytes:,} of {size_bytes:,} bytes are there" if seen.size_bytes < size_bytes else ""


def lost_from_project(folder: OpenFolder, seen: Survey, images: int) -> str:
    """The same for a result project; `images`: the number of images that the plugin was given. Raises OSError."""
    names = [PurePosixPath(file.name) for file in seen.files if not file.is_folder]
    there = sum(name.parent.name == "img" for name in names)
    return f"{there:,} of {images:,} images are there" if there < images else _lost_bytes(folder, seen)


def _lost_bytes(folder: OpenFolder, seen: Survey) -> str:
    """Which file has lost bytes.

    A file system leaves a file whose bytes it had no time to write empty, too short, or with holes (ext4 and XFS with
    their default options, btrfs).
    """
    for file in seen.files:
        if not file.is_folder and (end := _first_hole(folder, file.name)) < max(1, file.size_bytes):
            return f"{file.name} is empty" if not file.size_bytes else f"{file.name} has a hole at byte {end:,}"
    return ""


def _first_hole(folder: OpenFolder, name: str) -> int:
    """Where a hole in a file begins, or else the file ends."""
    with folder.file(folder.resolve(name)) as file:
        try:
            return os.lseek(file.fileno(), 0, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # an empty file
                return 0
            raise
