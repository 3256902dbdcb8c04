"""Orphans: containers, folders and images that ended tasks have left because an engine was away or an agent died.

One finder serves `agent clean`, the sweep of every agent and the doctor. It finds containers with this installation's
labels, and folders named for a task that has ended in this store. Everything else stays: another store may know it.
Half-made things whose process has died are found too, also where there is no store yet; and what was deleted for good
but for its last bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import TaskStatus
from agent.engines import ATTEMPT_LABEL, TASK_LABEL
from agent.engines.docker_build import BUILD_LABEL
from agent.errors import AgentError, NotFound, StorageFailed
from agent.formats.task_dir import TaskDir, task_folders
from agent.fs.disk import size_on_disk
from agent.installation import installation_labels
from agent.maintenance.private_runs import find_left
from agent.maintenance.removable import Removable, built_image, open_engines, task_folder_content
from agent.maintenance.trash import find_given_up

if TYPE_CHECKING:
    from agent.domain import Plugin
    from agent.engines import Engine, KeptImage
    from agent.fs.half_made import HalfMade
    from agent.installation import Installation
    from agent.settings import Settings

_ALL = 1_000_000


def find_orphans(installation: Installation, *, images: bool = False) -> list[Removable]:
    """Containers and folders of ended tasks, with `images` also the images built here that no task needs now.

    An engine that does not answer is passed over. Raises StorageFailed when the store or the folder of task folders
    cannot be read.
    """
    engines = open_engines(installation)
    found = [
        *_containers(installation, engines),
        *find_left(installation.settings, engines),
        *_folders(installation, engines),
        *find_half_made(installation.artifacts.half_made),
        *find_given_up(installation),
    ]
    if images:
        found += _images(installation, engines)
    return found


def find_half_made(half_made: HalfMade) -> Iterator[Removable]:
    """The half-made things of processes that have died."""

    def remove(path: Path) -> None:
        if path in half_made.sweep():
            raise StorageFailed(f"{path} cannot be deleted")

    for thing in half_made.found():
        if thing.is_left:
            why = f"the process that made this {thing.what} has died"
            yield Removable(
                "half-made", str(thing.path), why, size_on_disk(thing.path), action=partial(remove, thing.path)
            )


def ended_status(installation: Installation, task_id: int) -> TaskStatus | None:
    """The status of a task that has ended; None for one that has not, or that is unknown here."""
    try:
        status = installation.store.tasks.get(task_id).status
    except NotFound:
        return None
    return status if status.is_final else None


def _containers(installation: Installation, engines: Sequence[Engine]) -> Iterator[Removable]:
    ours = installation_labels(installation.settings)
    for engine in engines:
        with suppress(AgentError):
            for container in engine.find(ours, unstarted=True):
                task_id = container.task_id
                if task_id is None and container.is_over():
                    why = "gave files back, and its agent died meanwhile"
                elif task_id is not None and ended_status(installation, task_id) is not None:
                    why = f"task {task_id} has ended"
                elif task_id is not None and container.id in _of_older_attempts(installation, engine, task_id):
                    why = f"task {task_id} is in a later attempt"
                else:
                    continue
                yield Removable("container", container.id[:12], why, 0, task_id, container.remove)


def _of_older_attempts(installation: Installation, engine: Engine, task_id: int) -> set[str]:
    """The ids of the containers of attempts before the one that the task is in; its node was declared lost."""
    try:
        attempt = installation.store.tasks.get(task_id).attempt
    except NotFound:
        return set()
    if attempt == 1:
        return set()
    labels = {**installation_labels(installation.settings), TASK_LABEL: str(task_id)}
    newest = {one.id for one in engine.find({**labels, ATTEMPT_LABEL: str(attempt)}, unstarted=True)}
    return {one.id for one in engine.find(labels, unstarted=True)} - newest


def _folders(installation: Installation, engines: Sequence[Engine]) -> Iterator[Removable]:
    for folder in task_folders(installation.settings.tasks):
        with suppress(OSError):  # deleted at this moment, or not ours to list
            content = _orphaned_content(folder.path, folder.part)
            status = ended_status(installation, folder.task_id) if content else None
            if status is not None and (folder.part or cleans(installation.settings, status)):
                why = f"task {folder.task_id} has ended"
                yield task_folder_content(installation, engines, folder.path, folder.task_id, content, why)


def _orphaned_content(folder: Path, part: str) -> list[Path]:
    """The content of a folder that nobody needs once its task has ended. Raises OSError."""
    match part:
        case "":
            task_dir = TaskDir(folder)
            return [] if task_dir.keep_marker.exists() else task_dir.contents()
        case "shadow" | "images":
            return [folder]
        case "snapshots":  # a whole snapshot is a checkpoint that could not be published: a person may want it
            return list(folder.glob("*.half")) if any(folder.iterdir()) else [folder]
    return []


def cleans(settings: Settings, status: TaskStatus) -> bool:
    """Whether the settings say that the folder of a task that ended so is not kept."""
    failed = status is TaskStatus.ERROR
    return settings.delete_task_dir_on_failure if failed else settings.delete_task_dir_on_finish


def _images(installation: Installation, engines: Sequence[Engine]) -> Iterator[Removable]:
    for engine, image, plugin, is_needed in built_images(installation, engines):
        if not is_needed:
            again = "gets it" if plugin.is_shared else "builds it"
            why = f"no task needs it now; the next one {again} again"
            if not image.is_tagged and image.id != plugin.image_digest:
                why = f"an older build of {image.reference}"
            yield built_image(engine, image.name, why, image.size_bytes)


def built_images(
    installation: Installation, engines: Sequence[Engine]
) -> Iterator[tuple[Engine, KeptImage, Plugin, bool]]:
    """Images that this engine can have again: built here, or got from a registry or the artifacts; of plugins that this
    store knows. And whether a task that has not ended runs or waits for it.
    """
    plugins = {
        plugin.reference: plugin
        for plugin in installation.store.plugins.list()
        if plugin.folder is not None or plugin.is_shared
    }
    not_ended = [status for status in TaskStatus if not status.is_final]
    waited_for = {task.plugin_id for task in installation.store.tasks.list(statuses=not_ended, limit=_ALL)}
    for engine in engines:
        with suppress(AgentError):
            for image in engine.images_with(BUILD_LABEL):
                if (plugin := plugins.get(image.reference)) is not None:
                    is_what_runs = image.is_tagged or image.id == plugin.image_digest
                    yield engine, image, plugin, is_what_runs and plugin.id in waited_for
