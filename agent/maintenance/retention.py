"""The retention policy, carried out: checkpoints to the trash, the trash emptied, old folders, logs and images deleted.

Values decide: `keep_policy.to_remove` for checkpoints, ages for the rest. Nothing of a task that has not ended is
touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.formats.task_dir import TaskFolder, task_folders
from agent.fs.names import read_number
from agent.keep_policy import parse_keep, to_remove
from agent.library.blobs import BLOB_IDLE_S, collect_blob, others_share
from agent.maintenance.cleanup import built_images, ended_status
from agent.maintenance.removable import Removable, built_image, file_on_disk, open_engines, task_folder_content
from agent.maintenance.trash import find_expired_trash, find_given_up

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.installation import Installation

DAY_S = 86_400.0


def find_expired(installation: Installation) -> Iterator[Removable]:
    """Everything that the settings let go now, in the order of removal; remove each before asking for the next.

    The bytes of a checkpoint come free when the trash is emptied. Raises StorageFailed.
    """
    yield from _checkpoints(installation)
    yield from find_given_up(installation)
    yield from find_expired_trash(installation)
    yield from _blobs(installation)
    if installation.settings.keep_task_dirs_days is not None or installation.settings.keep_images_days is not None:
        engines = open_engines(installation)
        yield from _folders(installation, engines)
        yield from _images(installation, engines)
    yield from _logs(installation)


def _days(age: float) -> str:
    return f"{age:g} day{'' if age == 1 else 's'}"


# ---------------------------------------------------------------- models and blobs


def _checkpoints(installation: Installation) -> Iterator[Removable]:
    policy, models = installation.settings.keep, installation.store.models
    by_model = {checkpoint.model_id: checkpoint for checkpoint in installation.store.checkpoints.published()}
    for model_id in to_remove(by_model.values(), parse_keep(policy)):
        checkpoint = by_model[model_id]
        why = f"checkpoint {checkpoint.position} of task {checkpoint.task_id}, not kept by {policy}"
        name = f"model {model_id}: {checkpoint.name}"
        yield Removable("checkpoint", name, why, checkpoint.size_bytes, action=partial(models.remove, model_id))


def _blobs(installation: Installation) -> Iterator[Removable]:
    """Blobs that no row names and that nobody has put or asked for lately: of deleted projects, of failed imports."""
    if others_share(installation.store, installation.artifacts):
        return
    named = installation.store.blobs.named()
    for blob in installation.artifacts.kept():
        if blob.sha256 not in named and blob.idle_s >= BLOB_IDLE_S:
            collect = partial(collect_blob, installation.store, installation.artifacts, blob.sha256)
            yield Removable("blob", blob.sha256, "nothing names it", blob.size_bytes, action=collect)


# ---------------------------------------------------------------- folders, logs, images


def _folders(installation: Installation, engines: Sequence[Engine]) -> Iterator[Removable]:
    for folder in _old_task_folders(installation, installation.settings.keep_task_dirs_days):
        if folder.part not in ("", "shadow", "snapshots", "images"):
            continue
        with suppress(OSError):  # deleted at this moment, or not ours to list
            content = [folder.path]
            if not folder.part:
                content = [entry for entry in folder.path.iterdir() if "logs" not in entry.name]
            if content:
                why = f"its task ended more than {_days(installation.settings.keep_task_dirs_days or 0)} ago"
                yield task_folder_content(installation, engines, folder.path, folder.task_id, content, why)


def _old_task_folders(installation: Installation, days: float | None) -> Iterator[TaskFolder]:
    """Folders of tasks that ended more than so many days ago; none when it is None."""
    for folder in task_folders(installation.settings.tasks) if days is not None else ():
        if days is not None and ended_status(installation, folder.task_id) is not None:
            ended = installation.store.tasks.get(folder.task_id).finished_at
            if ended is not None and datetime.now(UTC) - ended > timedelta(days=days):
                yield folder


def _logs(installation: Installation) -> Iterator[Removable]:
    """Log files of ended tasks, which the store holds line by line, and of agents that ran one task."""
    days = installation.settings.keep_logs_days
    if days is None:
        return
    files: list[Path] = []
    for folder in _old_task_folders(installation, days):
        logs = folder.path / "logs"
        with suppress(OSError):  # no such folder, or not ours to list
            if not folder.part and not logs.is_symlink():
                files += logs.iterdir()
    for file in (installation.settings.home / "logs").glob("agent-task-*.log"):
        if _is_old_log(installation, file, days):
            files.append(file)
    for file in sorted(files):
        yield file_on_disk(file, f"older than {_days(days)}")


def _is_old_log(installation: Installation, file: Path, days: float) -> bool:
    task_id = read_number(file.stem.rpartition("-")[2])
    with suppress(OSError):
        is_old = time.time() - file.stat().st_mtime > days * DAY_S
        return is_old and task_id is not None and ended_status(installation, task_id) is not None
    return False


def _images(installation: Installation, engines: Sequence[Engine]) -> Iterator[Removable]:
    days = installation.settings.keep_images_days
    if days is None:
        return
    for engine, image, plugin, is_needed in built_images(installation, engines):
        if not is_needed and time.time() - image.created_s > days * DAY_S:
            again = "gets it" if plugin.is_shared else "builds it"
            why = f"built more than {_days(days)} ago; the next task {again} again"
            yield built_image(engine, image.name, why, image.size_bytes)
