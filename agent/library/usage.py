"""The disk usage of an installation: by task, model, project and image, and how much of it could be freed.

Measured when asked: folders are walked and the artifacts listed, so it may take a moment in a large installation.
Images are the engine's, and only an agent talks to an engine: it writes a list of them into the home (`note_images`).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.errors import NotFound, StorageFailed
from agent.formats.task_dir import task_folders
from agent.fs.atomic import write_atomically
from agent.fs.disk import size_on_disk
from agent.library.bulk import NOUNS, Noun, in_trash
from agent.store import sqlite_file

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.settings import Settings
    from agent.store import Store

LARGEST = 50  # of each kind
_IMAGES = "images.json"


class TaskSpace(msgspec.Struct, frozen=True):
    id: int
    name: str
    status: str
    folder_bytes: int  # on the disk, without files that are shared with the library
    models: int
    models_bytes: int
    logged_images: int
    logged_bytes: int


class ModelSpace(msgspec.Struct, frozen=True):
    id: int
    name: str
    size_bytes: int
    task_id: int | None
    pinned: bool


class ProjectSpace(msgspec.Struct, frozen=True):
    id: int
    name: str
    images_count: int
    size_bytes: int  # of its images; the artifacts keep equal images of all projects once


class TrashSpace(msgspec.Struct, frozen=True):
    noun: Noun
    id: int
    name: str
    size_bytes: int
    until: datetime  # then it may be purged


class HalfMadeSpace(msgspec.Struct, frozen=True):
    what: str  # "upload", "backup", ...
    size_bytes: int
    since: datetime
    is_left: bool  # the process that made it has ended; it is swept up at the next start


class ImageSpace(msgspec.Struct, frozen=True):
    name: str
    size_bytes: int  # layers that several images share count in each


class ImagesSeen(msgspec.Struct, frozen=True):
    seen_at: datetime
    items: list[ImageSpace]


@dataclass(frozen=True, slots=True)
class Space:
    disk_total_bytes: int  # of the disk that holds the home
    disk_free_bytes: int
    store_bytes: int | None  # None: on a server
    blobs_count: int
    blobs_bytes: int
    unnamed_bytes: int  # of blobs that no row names
    folders_bytes: int  # of all task folders
    half_made: Sequence[HalfMadeSpace]  # the oldest first
    tasks_count: int  # of all tasks that have left something
    models_count: int
    projects_count: int
    tasks: Sequence[TaskSpace]  # the largest first, as in the others
    models: Sequence[ModelSpace]
    projects: Sequence[ProjectSpace]
    trash: Sequence[TrashSpace]
    images: ImagesSeen | None  # None: no agent with an engine has listed them yet


def measure(store: Store, artifacts: Artifacts, settings: Settings) -> Space:
    """Everything as it is now, except for images, which are as an agent last saw them. Raises StorageFailed."""
    disk = shutil.disk_usage(settings.home)
    named = store.blobs.named()
    count = total = unnamed = 0
    for blob in artifacts.kept():
        count, total = count + 1, total + blob.size_bytes
        unnamed += 0 if blob.sha256 in named else blob.size_bytes
    folders, made = _folders(settings.tasks), store.models.sizes_by_task()
    logged = store.task_images.totals_by_task()
    window = timedelta(days=settings.trash_days)
    return Space(
        disk_total_bytes=disk.total,
        disk_free_bytes=disk.free,
        store_bytes=_store_bytes(settings),
        blobs_count=count,
        blobs_bytes=total,
        unnamed_bytes=unnamed,
        folders_bytes=sum(folders.values()),
        half_made=[
            HalfMadeSpace(thing.what, size_on_disk(thing.path), thing.since, thing.is_left)
            for thing in artifacts.half_made.found()
        ],
        tasks_count=len({*folders, *made, *logged}),
        models_count=store.models.count(),
        projects_count=store.projects.count(),
        tasks=_tasks(store, folders, made, logged),
        models=[
            ModelSpace(model.id, model.name, model.size_bytes, model.provenance.task_id, model.pinned)
            for model in store.models.largest(LARGEST)
        ],
        projects=[ProjectSpace(*row) for row in store.projects.largest(LARGEST)],
        trash=[
            TrashSpace(thing.noun, thing.id, thing.name, thing.size_bytes, thing.deleted_at + window)
            for noun in NOUNS
            for thing in in_trash(store, settings, noun)
        ],
        images=_images_seen(settings.home / _IMAGES),
    )


def note_images(home: Path, images: Sequence[ImageSpace]) -> None:
    """Write down which of our images the engine has, for programs that may not ask the engine. Raises OSError."""
    text = msgspec.json.encode(ImagesSeen(datetime.now(UTC), list(images)))
    write_atomically(home / _IMAGES, text, durable=False)


def _images_seen(file: Path) -> ImagesSeen | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=ImagesSeen)
    except (OSError, msgspec.MsgspecError):
        return None


def _store_bytes(settings: Settings) -> int | None:
    try:
        file = sqlite_file(settings.store)
    except StorageFailed:
        return None
    total = 0
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            total += file.with_name(f"{file.name}{suffix}").stat().st_size
    return total


def _folders(root: Path) -> dict[int, int]:
    """Task → bytes of its folder and of the agent's own folders beside it."""
    found: Counter[int] = Counter()
    for folder in task_folders(root):
        found[folder.task_id] += size_on_disk(folder.path)
    return found


def _tasks(
    store: Store, folders: dict[int, int], made: dict[int, tuple[int, int]], logged: dict[int, tuple[int, int]]
) -> list[TaskSpace]:
    nothing = (0, 0)
    sizes = {
        task: folders.get(task, 0) + made.get(task, nothing)[1] + logged.get(task, nothing)[1]
        for task in {*folders, *made, *logged}
    }
    largest = sorted(sizes, key=lambda task: (-sizes[task], task))[:LARGEST]
    found = []
    for task_id in largest:
        with suppress(NotFound):
            task = store.tasks.get(task_id)
            of_models, of_images = made.get(task_id, nothing), logged.get(task_id, nothing)
            space = TaskSpace(task_id, task.name, task.status.value, folders.get(task_id, 0), *of_models, *of_images)
            found.append(space)
    return found
