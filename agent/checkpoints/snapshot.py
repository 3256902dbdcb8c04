"""A checkpoint made safe the moment it is reported: by hard links, which move no bytes, so the log loop does not wait.

Nothing outside `results/` is opened, whatever a line names and whatever the plugin puts there meanwhile: each name is
opened once, and what was opened is judged and linked (`agent/fs/beneath.py`). The plugin may delete or reuse its folder
the next moment. A hard link does not protect against writing into the same file later; `pack` notices that.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agent.domain import TASK_MOUNT
from agent.errors import Invalid, PluginFailed
from agent.formats.survey import StateFile, Survey, known_file
from agent.fs.beneath import OpenFolder, link_file, open_folder, same_file
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

RESULTS_MOUNT = TASK_MOUNT / "results"
_REPLACED = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EXDEV})  # by a link, mostly


def checkpoint_path(results: Path, subdir: str) -> Path:
    """Where a reported checkpoint lies below `results`, existing or not. Raises PluginFailed with the reason.

    `subdir` is relative to results/ as the official SDK writes it, or absolute as the guide's sample does
    (contract: events.md 3). Nothing outside results/ is ever named, links included.
    """
    wanted = PurePosixPath(subdir)
    if wanted.is_absolute():
        if not wanted.is_relative_to(RESULTS_MOUNT):
            raise PluginFailed(
                f"checkpoint folder {subdir!r} is outside {RESULTS_MOUNT}; report it relative to results/",
                reason="checkpoint_outside_results",
            )
        wanted = wanted.relative_to(RESULTS_MOUNT)
    place = ""
    try:
        with open_results(results) as opened:
            place = opened.resolve(str(wanted))
    except FileNotFoundError:  # the plugin has deleted its results
        place = "" if ".." in wanted.parts else str(wanted)
    except (OSError, ValueError):  # a link out of it, at any place; no name at all
        pass
    if place in ("", "."):
        raise PluginFailed(
            f"checkpoint folder {subdir[:200]!r} does not lie inside results/; report a folder below it",
            reason="checkpoint_outside_results",
        )
    return results / place


def open_results(results: Path) -> OpenFolder:
    """The results folder of a task, which the plugin may have made a link to anywhere. Raises OSError."""
    with open_folder(results.parent) as task:
        return task.folder(results.name)


@contextmanager
def reported_folder(results: Path, folder: Path) -> Iterator[OpenFolder | None]:
    """The folder at a path below `results` that has no links, open; None where there is no folder, or no longer."""
    try:
        with open_results(results) as opened:
            reported = opened.folder(str(folder.relative_to(results)))
    except OSError:
        yield None
    else:
        with reported:
            yield reported


def require_folder(folder: OpenFolder | None, subdir: str) -> OpenFolder:
    """The folder, if it exists. Raises PluginFailed."""
    if folder is None:
        raise PluginFailed(
            f"checkpoint folder {subdir[:200]!r} does not exist in results/; write it before reporting it",
            reason="checkpoint_missing",
        )
    return folder


def snapshot(folder: OpenFolder, seen: Survey, dest: Path, half_made: HalfMade) -> Survey:
    """Make `dest` hold the files that the folder's survey names, as they are now; give the survey of `dest`.

    Hard links where the file system allows, else copies, for which `half_made` says whether there is space. Folders are
    refused that are empty, or hold entries that a model state cannot hold: links that leave the folder, devices. Raises
    PluginFailed, DiskFull, OSError.
    """
    try:
        seen.require_good(folder.path)
    except Invalid as error:
        raise PluginFailed(
            f"the checkpoint folder cannot become a model state: {error}", reason="checkpoint_invalid"
        ) from error
    if seen.is_empty:
        raise PluginFailed(
            "the checkpoint folder is empty; write its files before reporting it", reason="checkpoint_empty"
        )
    dest.mkdir(parents=True)
    kept = []
    for file in seen.files:
        target = dest / file.name
        if file.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            kept.append(file)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            kept.append(_take(folder, file, target, half_made))
    return Survey(tuple(kept))


def _take(folder: OpenFolder, file: StateFile, target: Path, half_made: HalfMade) -> StateFile:
    """Make `target` hold the surveyed file; give `target` as a file of a survey. The name is opened once."""
    try:
        with folder.probe(folder.resolve(file.name)) as found:
            _require_same(file, found)
            if not link_plain_file(found, target):
                what = f"file {shown(file.name)!r} of the checkpoint"
                half_made.require_space(target.parent, file.size_bytes, what, may_use_reserve=True)
                _copy(found, target)
            return known_file(file.name, target.lstat())
    except OSError as error:
        if error.errno in _REPLACED:
            raise _replaced(file) from None
        raise


def link_plain_file(found: int, target: Path) -> bool:
    """Link a probed file, unless it runs with its owner's rights or cannot be linked. Whether it was linked."""
    if os.fstat(found).st_mode & (stat.S_ISUID | stat.S_ISGID):
        return False
    try:
        link_file(found, target)
    except OSError:  # another file system, or a file of root's that we may read but not link
        return False
    return True


def _copy(found: int, target: Path) -> None:
    source = os.open(same_file(found), os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(source, "rb") as opened, target.open("xb") as out:
        status = os.fstat(source)
        shutil.copyfileobj(opened, out, 1 << 20)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _require_same(file: StateFile, found: int) -> None:
    if not file.is_same(os.fstat(found)):
        raise _replaced(file)


def _replaced(file: StateFile) -> PluginFailed:
    return PluginFailed(
        f"file {shown(file.name)!r} of the checkpoint was replaced while it was taken over; "
        "report a checkpoint after its last file is closed",
        reason="checkpoint_changed",
    )
