"""The trash, emptied: what was deleted for good, and what has been in the trash for longer than the settings say.

A task goes with its folders and containers, before its row: whoever dies on the way leaves a row that says so. Tasks
come first, because models, projects and plugins stay as long as a row of a task names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from agent import library
from agent.errors import AgentError, NotFound
from agent.formats.task_dir import task_folders
from agent.installation import installation_labels
from agent.library.blobs import collect_blob
from agent.library.bulk import NOUNS, Noun, in_trash, shelf
from agent.maintenance.removable import Removable, open_engines, task_folder_content

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.installation import Installation


def find_given_up(installation: Installation) -> Iterator[Removable]:
    """What was deleted for good and still has a row, because a process died or only an agent could do the rest."""
    for noun in NOUNS:
        for id_ in shelf(installation.store, noun).given_up():
            why = "deleted for good"
            yield Removable("trash", f"{noun} {id_}", why, 0, action=partial(purge, installation, noun, id_))


def find_expired_trash(installation: Installation) -> Iterator[Removable]:
    """What has been in the trash for more than the days of the settings."""
    window = installation.settings.trash_days
    before = datetime.now(UTC) - timedelta(days=window)
    why = f"in the trash for longer than {window:g} day{'' if window == 1 else 's'}"
    for noun in NOUNS:
        for thing in in_trash(installation.store, installation.settings, noun, before=before):
            action: Callable[[], object] = partial(purge, installation, noun, thing.id)
            yield Removable("trash", f"{noun} {thing.id}: {thing.name}", why, thing.size_bytes, action=action)


def purge(installation: Installation, noun: Noun, id_: int) -> None:
    """Delete a thing of the trash, or one that is given up, with what belongs to it. Nothing for one that came back.

    Raises StorageFailed when a folder cannot be deleted; then the rest stays until another attempt.
    """
    store = installation.store
    match noun:
        case "task":
            with suppress(NotFound):  # it is given up already, or has come back
                store.tasks.give_up(id_, of_trash=True)
            if id_ in store.tasks.given_up():
                _delete_places(installation, id_)
                images = store.task_images.hashes(id_)
                store.tasks.purge(id_)
                for sha256 in images:
                    collect_blob(store, installation.artifacts, sha256)
        case "model":
            library.purge_model(store, installation.artifacts, id_)
        case "project":
            store.projects.purge(id_)
        case "plugin":
            parts = {blob.sha256 for blob in store.plugins.image_blobs(id_)}
            if store.plugins.purge(id_):
                for sha256 in parts:
                    collect_blob(store, installation.artifacts, sha256)


def _delete_places(installation: Installation, task_id: int) -> None:
    """The containers of an ended task, which an engine that was away may still have, and all its folders."""
    engines = open_engines(installation)
    _remove_containers(installation, engines, task_id)
    for folder in task_folders(installation.settings.tasks):
        if folder.task_id == task_id:
            removable = task_folder_content(installation, engines, folder.path, task_id, [folder.path], "")
            removable.action()


def _remove_containers(installation: Installation, engines: Sequence[Engine], task_id: int) -> None:
    ours = installation_labels(installation.settings)
    for engine in engines:
        with suppress(AgentError):
            for container in engine.find(ours, unstarted=True):
                if container.task_id == task_id:
                    container.remove()
