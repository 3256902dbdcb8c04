"""One image taken out of `results/`: its name is opened once, and its bytes are copied beside the task folder.

A copy and no link: plugins write the next picture into the same file, and a link would change with it. What is copied
is bounded, so the log loop does not wait.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePath, PurePosixPath

from agent.checkpoints.snapshot import RESULTS_MOUNT, open_results
from agent.errors import AgentError
from agent.formats.image_header import ImageHeader, NotAnImage, read_image_header
from agent.fs.beneath import OpenFolder
from agent.fs.disk import writing
from agent.fs.half_made import HalfMade

LARGEST_BYTES = 16 << 20
LARGEST_PIXELS = 1 << 26  # 8192 × 8192
HALF = ".half"
_ABSENT = frozenset({errno.ENOENT, errno.ENAMETOOLONG})
_LINKED = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EXDEV, errno.EINVAL})


class NotTaken(Exception):
    """Why an image is not kept. The message completes "image 'a.png' was not kept: ..."."""

    def __init__(self, kind: str, message: str) -> None:
        """`kind` is a word or two for a count: "missing", "too large"."""
        super().__init__(message)
        self.kind = kind


def place_of(path: str, results: PurePath) -> str:
    """Where an image lies below results/, of the path that a line names; nothing is looked at. Raises NotTaken.

    A plugin knows the folder by its mount, or, where nothing can be mounted, as the agent does.
    """
    wanted = PurePosixPath(path)
    for folder in (RESULTS_MOUNT, results):
        if wanted.is_absolute() and wanted.is_relative_to(folder):
            wanted = wanted.relative_to(folder)
    if wanted.is_absolute() or ".." in wanted.parts or not wanted.parts or "\0" in path:
        raise NotTaken("outside", f"it lies outside {RESULTS_MOUNT}; write images there, and log their path")
    return str(wanted)


def take(results: Path, place: str, target: Path, half_made: HalfMade) -> int:
    """Copy the file at `place` below results/ to the new file `target`, whole or not at all; its bytes. NotTaken."""
    try:
        with open_results(results) as opened:
            data = _read(opened, place)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    half = target.with_name(f"{target.name}{HALF}")
    try:
        with writing(str(target)):
            target.parent.mkdir(mode=0o700, exist_ok=True)
            half_made.require_space(target.parent, len(data), "an image of the task")
            half.write_bytes(data)
            half.rename(target)
    except AgentError as error:
        half.unlink(missing_ok=True)
        raise NotTaken("no space", str(error)) from error
    return len(data)


def _read(opened: OpenFolder, place: str) -> bytes:
    with opened.file(place) as file:
        is_large = os.fstat(file.fileno()).st_size > LARGEST_BYTES
        data = b"" if is_large else file.read(LARGEST_BYTES + 1)
    if is_large or len(data) > LARGEST_BYTES:
        raise NotTaken("too large", f"it is larger than {LARGEST_BYTES >> 20} MiB; log a smaller picture")
    return data


def header_of(copy: Path) -> ImageHeader:
    """What a copy is, as far as its header and structure tell. Raises NotTaken."""
    try:
        with copy.open("rb") as file:
            header = read_image_header(file)
    except NotAnImage as error:
        raise NotTaken("no image", f"it {error}") from None
    except OSError as error:
        raise NotTaken("unreadable", f"its copy cannot be read: {error.strerror}") from None
    if header.width * header.height > LARGEST_PIXELS:
        size = f"{header.width}×{header.height} pixels"
        raise NotTaken("too large", f"it has {size}, more than {LARGEST_PIXELS:,} in all; log a smaller picture")
    return header


def _unreadable(error: OSError | ValueError) -> NotTaken:
    number = error.errno if isinstance(error, OSError) else errno.ENOENT  # a name that cannot be one
    if number in _ABSENT:
        return NotTaken("missing", "there is no such file in results/; write it before its line, and leave it there")
    if number in _LINKED:
        return NotTaken("no file", "it is no plain file, or a part of its path is a link; write the image itself")
    return NotTaken("unreadable", f"it cannot be read: {error.strerror if isinstance(error, OSError) else error}")
