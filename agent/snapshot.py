"""A checkpoint made safe the moment it is reported: links, no bytes, so the log loop does not wait.

Nothing outside `results/` is opened, whatever a line says; the plugin may delete or reuse its folder the
next moment. What a hard link cannot protect against, writing into the same file later, `pack` notices.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from agent.domain import TASK_MOUNT
from agent.errors import Invalid, PluginFailed
from agent.formats.packing import Survey, survey

RESULTS_MOUNT = TASK_MOUNT / "results"


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
    try:
        root = results.parent.resolve() / results.name  # which the plugin may have made a link to anywhere
        folder = (root / wanted).resolve()
    except (OSError, ValueError, RuntimeError):
        raise PluginFailed(
            f"checkpoint folder {subdir[:200]!r} is not a path below results/", reason="checkpoint_outside_results"
        ) from None
    if folder == root or not folder.is_relative_to(root):
        raise PluginFailed(
            f"checkpoint folder {subdir!r} does not lie inside results/; report a folder below it",
            reason="checkpoint_outside_results",
        )
    return results / folder.relative_to(root)


def leaves(results: Path, folder: Path) -> bool:
    """Whether what is at this place below `results` lies elsewhere in truth, because of a link."""
    return not folder.resolve().is_relative_to(results.parent.resolve() / results.name)


def require_folder(folder: Path, subdir: str) -> Path:
    """The folder, if it is there. Raises PluginFailed."""
    if not os.path.isdir(folder):  # noqa: PTH112 - a name too long is no folder, and no error
        raise PluginFailed(
            f"checkpoint folder {subdir[:200]!r} does not exist in results/; write it before reporting it",
            reason="checkpoint_missing",
        )
    return folder


def snapshot(folder: Path, dest: Path) -> Survey:
    """Make `dest` hold the folder's files as they are now; give what `pack` needs to notice a later change.

    Hard links where the file system allows, else copies. What a model state cannot hold (links that leave the
    folder, devices) is refused, and so is an empty folder. Raises PluginFailed.
    """
    try:
        files = survey(folder)
    except Invalid as error:
        raise PluginFailed(
            f"the checkpoint folder cannot become a model state: {error}", reason="checkpoint_invalid"
        ) from error
    if all(file.is_folder for file in files):
        raise PluginFailed(
            "the checkpoint folder is empty; write its files before reporting it", reason="checkpoint_empty"
        )
    dest.mkdir(parents=True)
    for file in files:
        target = dest / file.name
        if file.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        source = (folder / file.name).resolve()
        try:
            os.link(source, target)
        except OSError:  # another file system, or a file of root's that we may read but not link
            shutil.copy2(source, target)
    return survey(dest)
