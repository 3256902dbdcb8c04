"""What takes the space of an installation: by task, model, project and image, and what of it could go.

Measured when asked: folders are walked and the artifacts listed, so it may take a moment in a large installation.
Images are the engine's, and only an agent talks to an engine: `note_images` leaves beside the store what it saw.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.errors import NotFound
from agent.formats.disk import size_on_disk

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
    folder_bytes: int  # on the disk, beside what is shared with the library
    models: int
    models_bytes: int


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
    size_bytes: int  # of its images; equal ones are kept once, whichever projects they are in


class TrashSpace(msgspec.Struct, frozen=True):
    id: int
    name: str
    size_bytes: int
    until: datetime  # then it may be purged


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
    tasks: Sequence[TaskSpace]  # the largest first, as in the others
    models: Sequence[ModelSpace]
    projects: Sequence[ProjectSpace]
    trash: Sequence[TrashSpace]
    images: ImagesSeen | None  # None: no agent with an engine has looked yet


def measure(store: Store, artifacts: Artifacts, settings: Settings) -> Space:
    """Everything as it is now, except for images, which are as an agent last saw them."""
    disk = shutil.disk_usage(settings.home)
    named = store.retention.named_blobs()
    count = total = unnamed = 0
    for blob in artifacts.kept():
        count, total = count + 1, total + blob.size_bytes
        unnamed += 0 if blob.sha256 in named else blob.size_bytes
    folders = _folders(settings.tasks)
    window = timedelta(days=settings.trash_days)
    return Space(
        disk_total_bytes=disk.total,
        disk_free_bytes=disk.free,
        store_bytes=_store_bytes(settings),
        blobs_count=count,
        blobs_bytes=total,
        unnamed_bytes=unnamed,
        folders_bytes=sum(folders.values()),
        tasks=_tasks(store, folders),
        models=[
            ModelSpace(one.id, one.name, one.size_bytes, one.provenance.task_id, one.pinned)
            for one in store.retention.largest_models(LARGEST)
        ],
        projects=[ProjectSpace(*row) for row in store.retention.largest_projects(LARGEST)],
        trash=[
            TrashSpace(one.id, one.name, one.size_bytes, one.deleted_at + window)
            for one in store.retention.trashed()
            if one.deleted_at is not None
        ],
        images=_images_seen(settings.home / _IMAGES),
    )


def note_images(home: Path, images: Sequence[ImageSpace]) -> None:
    """Remember which images of ours the engine has, for whoever may not ask it. Raises OSError."""
    text = msgspec.json.encode(ImagesSeen(datetime.now(UTC), list(images)))
    half = home / f".{_IMAGES}.half"
    half.write_bytes(text)
    half.replace(home / _IMAGES)


def _images_seen(file: Path) -> ImagesSeen | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=ImagesSeen)
    except (OSError, msgspec.MsgspecError):
        return None


def _store_bytes(settings: Settings) -> int | None:
    scheme, _, place = settings.store.partition(":///")
    if scheme != "sqlite":
        return None
    total = 0
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            total += Path(f"{place}{suffix}").stat().st_size
    return total


def _folders(root: Path) -> dict[int, int]:
    """Task → bytes of its folder and of what lies beside it."""
    found: dict[int, int] = {}
    for folder in root.iterdir() if root.is_dir() else ():
        number = folder.name.partition(".")[0]
        if number.isascii() and number.isdigit() and not folder.is_symlink():
            found[int(number)] = found.get(int(number), 0) + size_on_disk(folder)
    return found


def _tasks(store: Store, folders: dict[int, int]) -> list[TaskSpace]:
    made = store.retention.models_by_task()
    sizes = {task: folders.get(task, 0) + made.get(task, (0, 0))[1] for task in {*folders, *made}}
    largest = sorted(sizes, key=lambda task: (-sizes[task], task))[:LARGEST]
    found = []
    for task_id in largest:
        models, models_bytes = made.get(task_id, (0, 0))
        with suppress(NotFound, OverflowError):
            task = store.tasks.get(task_id)
            found.append(
                TaskSpace(task_id, task.name, task.status.value, folders.get(task_id, 0), models, models_bytes)
            )
    return found
