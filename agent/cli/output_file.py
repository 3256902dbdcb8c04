"""The file that a command was told to write with `-o FILE`, or `-` for standard output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.cli import show
from agent.errors import BadInput, Conflict, StorageFailed
from agent.fs.durable import make_folder
from agent.fs.half_made import HalfMade
from agent.fs.names import shown
from agent.fs.paths import given_path
from agent.fs.refusals import reason_of, remedy_for

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """`path` is where the command makes its file; `is_stdout`: its bytes follow on standard output."""

    path: Path
    is_stdout: bool = False

    def say(self, what: str) -> None:
        """Tell a person of the file, `what` behind its name; on standard error where the file has standard output."""
        name = "standard output" if self.is_stdout else str(self.path)
        (show.err if self.is_stdout else show.out).print(f"{name} ({what})", markup=False)


@contextmanager
def output_file(given: Path, half_made: HalfMade, *, force: bool) -> Iterator[OutputFile]:
    """Where the block makes the file, asked before the work begins. The block makes it complete or not at all.

    Folders that are missing are made. Raises Conflict where the file exists, unless `force`; BadInput for a folder and
    for a terminal; StorageFailed where nothing can be written.
    """
    if str(given) == STDOUT:
        if sys.stdout.isatty():
            raise BadInput("the archive is no text for a terminal: name a file, or send it on (`-o - > FILE`)")
        with half_made.making("output") as folder:
            yield (made := OutputFile(folder / "output", is_stdout=True))
            with made.path.open("rb") as opened:
                sys.stdout.flush()
                shutil.copyfileobj(opened, sys.stdout.buffer, 1 << 20)
                sys.stdout.buffer.flush()
        return
    path = given_path(given)
    if path.is_dir():
        raise BadInput(f"{shown(str(path))} is a folder; name a file in it")
    if os.path.lexists(path) and not force:
        raise Conflict(f"{shown(str(path))} exists; choose another name or pass --force")
    try:
        make_folder(path.parent)
    except OSError as error:
        raise _refused(path.parent, reason_of(error), remedy_for(error)) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _refused(path.parent, "this user may not write there", "Choose another folder.")
    yield OutputFile(path)


def _refused(folder: Path, reason: str, remedy: str) -> StorageFailed:
    return StorageFailed(f"no file can be written to the folder {shown(str(folder))}: {reason}. {remedy}".rstrip())
