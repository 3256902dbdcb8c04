"""A checkpoint made safe the moment it is reported: links, no bytes, so the log loop does not wait.

Nothing outside `results/` is opened, whatever a line says; the plugin may delete or reuse its folder the
next moment. What a hard link cannot protect against, writing into the same file later, is noticed by
comparing `stats` after packing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from agent.domain import TASK_MOUNT
from agent.errors import PluginFailed

Stats = dict[str, tuple[int, int]]  # relative file name → (size in bytes, mtime in ns)

RESULTS_MOUNT = TASK_MOUNT / "results"


def checkpoint_folder(results: Path, subdir: str) -> Path:
    """Where a reported checkpoint lies on the host. Raises PluginFailed with the reason.

    `subdir` is relative to results/ as the official SDK writes it, or absolute as the guide's sample does
    (contract: events.md 3). Nothing outside results/ is ever opened, links included.
    """
    wanted = PurePosixPath(subdir)
    if wanted.is_absolute():
        if not wanted.is_relative_to(RESULTS_MOUNT):
            raise PluginFailed(
                f"checkpoint folder {subdir!r} is outside {RESULTS_MOUNT}; report it relative to results/",
                reason="checkpoint_outside_results",
            )
        wanted = wanted.relative_to(RESULTS_MOUNT)
    root = results.resolve()
    try:
        folder = (root / wanted).resolve()
        found = folder.is_dir()
    except (OSError, ValueError, RuntimeError):
        raise PluginFailed(
            f"checkpoint folder {subdir[:200]!r} is not a path below results/", reason="checkpoint_outside_results"
        ) from None
    if folder == root or not folder.is_relative_to(root):
        raise PluginFailed(
            f"checkpoint folder {subdir!r} does not lie inside results/; report a folder below it",
            reason="checkpoint_outside_results",
        )
    if not found:
        raise PluginFailed(
            f"checkpoint folder results/{wanted} does not exist; write it before reporting it",
            reason="checkpoint_missing",
        )
    return folder


def snapshot(folder: Path, dest: Path) -> Stats:
    """Make `dest` hold the folder's regular files as they are now; give their stats.

    Hard links where the file system allows, else copies. Links and devices in the folder are refused:
    a model state has none. An empty folder is refused. Raises PluginFailed.
    """
    seen: Stats = {}
    dest.mkdir(parents=True)
    for place, folders, files in os.walk(folder):
        here = Path(place)
        for name in (*folders, *files):
            entry = here / name
            target = dest / entry.relative_to(folder)
            if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                raise PluginFailed(
                    f"checkpoint file {entry.relative_to(folder)} is a link or device; a model state holds plain files",
                    reason="checkpoint_invalid",
                )
            if entry.is_dir():
                target.mkdir()
                continue
            try:
                os.link(entry, target, follow_symlinks=False)
            except OSError:  # another file system, or a file of root's that we may read but not link
                shutil.copy2(entry, target)
            stat = entry.stat()
            seen[str(entry.relative_to(folder))] = (stat.st_size, stat.st_mtime_ns)
    if not seen:
        raise PluginFailed(
            "the checkpoint folder is empty; write its files before reporting it", reason="checkpoint_empty"
        )
    return seen


def stats(folder: Path) -> Stats:
    """Sizes and times of a folder's files as they are now."""
    found: Stats = {}
    for place, _, files in os.walk(folder):
        for name in files:
            file = Path(place) / name
            stat = file.stat()
            found[str(file.relative_to(folder))] = (stat.st_size, stat.st_mtime_ns)
    return found
