"""The checkpoints of a task that are safe and not yet published: for each a folder of links, named for its line.

They lie beside the task folder, where no plugin can reach their names. A restarted agent publishes the folders it finds
there. A list beside each folder tells it what the folder held when the checkpoint was reported: files whose names a
power cut took, and files that the plugin wrote to meanwhile, are missed only by that.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from agent.checkpoints.deletion_guard import DeletionGuard
from agent.checkpoints.power_cut import WENT_DOWN, lost_from_checkpoint
from agent.checkpoints.snapshot import checkpoint_path, reported_folder, require_folder, snapshot
from agent.errors import PluginFailed
from agent.events.model import CheckpointReported
from agent.formats.survey import Survey, survey
from agent.fs.beneath import open_folder
from agent.fs.disk import remove_tree
from agent.fs.half_made import HalfMade
from agent.fs.names import read_number, shown

CHANGED = "write each checkpoint to a folder of its own and leave it alone after reporting it"
_ATTEMPTS = 3  # to take over a folder in which a plugin still works
_HALF, _PART, _LIST = ".half", ".part", ".files"


class Snapshots:
    """The snapshots of one task. `went_down`: whether the machine went down since the plugin started."""

    def __init__(self, results: Path, guard: DeletionGuard, half_made: HalfMade, *, went_down: bool) -> None:
        self._results = results
        self._guard = guard
        self._half_made = half_made
        self._went_down = went_down  # when only the agent died, the kernel still has all bytes
        self._folder = results.parent.with_name(f"{results.parent.name}.snapshots")

    def place(self, seq: int) -> Path:
        """The folder of the checkpoint that line `seq` reported, existing or not."""
        return self._folder / str(seq)

    def take(self, seq: int, report: CheckpointReported) -> Survey:
        """Make the reported checkpoint safe, unless an agent before us has; give what is in its folder.

        Raises PluginFailed, DiskFull, OSError.
        """
        place = self.place(seq)
        if place.exists():
            files = survey(place)
            if problem := self._difference(place, files):
                reason = "checkpoint_incomplete" if self._went_down else "checkpoint_changed"
                raise PluginFailed(problem, reason=reason)
        else:
            files = self._make(report, place)
        if self._went_down:
            with open_folder(place) as opened:
                lost = lost_from_checkpoint(opened, files, report.size_bytes)
            if lost:
                raise PluginFailed(f"{WENT_DOWN}: {lost}", reason="checkpoint_incomplete")
        return files

    def kept(self, seq: int) -> Path | None:
        """The folder with what is there of a checkpoint, if anything is."""
        place = self.place(seq)
        part = place.with_name(f"{place.name}{_PART}")
        return next((folder for folder in (place, part) if folder.exists()), None)

    def remove(self, seq: int) -> None:
        """Delete a snapshot that is not needed any more; never fails."""
        place = self.place(seq)
        shutil.rmtree(place, ignore_errors=True)
        place.with_name(f"{place.name}{_LIST}").unlink(missing_ok=True)

    def tidy(self, published: Collection[int]) -> None:
        """Delete what is not needed after the end of the task: half-made snapshots, and those of these lines."""
        with suppress(OSError):
            for entry in list(self._folder.iterdir()):
                name, _, suffix = entry.name.partition(".")
                is_over = read_number(name) in published or (
                    entry.suffix == _LIST and not entry.with_suffix("").exists()
                )
                if is_over or f".{suffix}" == _HALF:
                    remove_tree(entry)
            self._folder.rmdir()  # unless a checkpoint was set aside there

    # ---------------------------------------------------------------- making one

    def _make(self, report: CheckpointReported, place: Path) -> Survey:
        """Link the reported folder's files below `place`, whole, also when the plugin has deleted them already."""
        half, part = (place.with_name(f"{place.name}{suffix}") for suffix in (_HALF, _PART))
        folder = checkpoint_path(self._results, report.subdir)
        try:
            files, rescued = self._link(folder, report.subdir, half)
            if rescued is not None and not self._guard.is_whole(rescued) and files.size_bytes < report.size_bytes:
                shutil.rmtree(part, ignore_errors=True)
                half.rename(part)
                raise PluginFailed(
                    "the plugin deleted the folder before all of its files were taken over: "
                    f"{files.size_bytes:,} of {report.size_bytes:,} bytes are there",
                    reason="checkpoint_incomplete",
                )
            _write_list(place, files)
            half.rename(place)
        finally:
            shutil.rmtree(half, ignore_errors=True)  # it takes room, most of all where the disk is full
        self._guard.settle(folder, rescued, files)
        return files

    def _link(self, folder: Path, subdir: str, half: Path) -> tuple[Survey, Path | None]:
        """The files in `half`, and the second names from which they were taken; None: they were where they belong."""
        for attempt in range(_ATTEMPTS):
            rescued = None
            shutil.rmtree(half, ignore_errors=True)
            try:
                with reported_folder(self._results, folder) as opened:
                    seen = Survey() if opened is None else survey(opened)
                    rescued = self._guard.deleted(folder, seen.inodes)
                    if rescued is None:
                        return snapshot(require_folder(opened, subdir), seen, half, self._half_made), None
                kept = open_folder(rescued) if rescued.is_dir() else None
                with require_folder(kept, subdir) as opened:
                    return snapshot(opened, survey(opened), half, self._half_made), rescued
            except (PluginFailed, OSError):
                if rescued is not None or attempt == _ATTEMPTS - 1:
                    raise  # else it was perhaps deleted or replaced between two looks
        raise AssertionError("the last attempt returns or raises")

    # ---------------------------------------------------------------- the list of one

    def _difference(self, place: Path, now: Survey) -> str:
        """How a snapshot differs from what it was; empty: not at all, as far as names, sizes and times tell."""
        listed = _read_list(place)
        if listed is None:
            # Snapshots of the first release have no list.
            return f"{WENT_DOWN}: the list of them is lost" if self._went_down else ""
        there = {file.name: (file.size_bytes, file.mtime_ns) for file in now.files if not file.is_folder}
        for name, (size_bytes, mtime_ns) in listed.items():
            size_now, mtime_now = there.get(name, (0, 0))
            if self._went_down:  # a time may be lost as well
                if name not in there or size_now != size_bytes:
                    return f"{WENT_DOWN}: {shown(name)} has {size_now:,} of {size_bytes:,} bytes"
            elif (size_now, mtime_now) != (size_bytes, mtime_ns):
                return f"{shown(name)} was changed while no agent ran; {CHANGED}"
        return ""


def _write_list(place: Path, files: Survey) -> None:
    listed = [[file.name, file.size_bytes, file.mtime_ns] for file in files.files if not file.is_folder]
    place.with_name(f"{place.name}{_LIST}").write_text(json.dumps(listed), encoding="ascii")


def _read_list(place: Path) -> dict[str, tuple[int, int]] | None:
    """Names, sizes and times of modification; None where no list can be read."""
    try:
        listed = json.loads(place.with_name(f"{place.name}{_LIST}").read_bytes())
        return {name: (size_bytes, mtime_ns) for name, size_bytes, mtime_ns in listed}
    except (OSError, ValueError, TypeError):
        return None
