"""The retention policy, carried out: checkpoints to the trash, the trash emptied, old folders, logs and images deleted.

What goes is decided by values: `keep.to_remove` for checkpoints, ages for the rest. Nothing of a task that has not
ended is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.build import BUILD_LABEL
from agent.clean import delete_in_task_folder, ended_status, engines_of, image_remover, plugins_waited_for
from agent.errors import AgentError, Conflict, NotFound
from agent.formats.disk import remove_tree, size_on_disk
from agent.keep import parse_keep, to_remove
from agent.library.blobs import BLOB_IDLE_S, collect_blob, others_share

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.house import House

DAY_S = 86_400.0

Kind = Literal["checkpoint", "trash", "folder", "log", "image", "blob"]


@dataclass(frozen=True, slots=True)
class Going:
    """One thing the policy lets go. `size_bytes` may come free later: a checkpoint's when the trash is emptied."""

    kind: Kind
    name: str
    why: str
    size_bytes: int
    remove: Callable[[], str] = field(repr=False, compare=False)
    """Do it; one sentence about what could not be done, empty when it is done."""


def going(house: House) -> Iterator[Going]:
    """What the settings let go now, in the order in which to do it. Doing it while this is read is meant."""
    yield from _checkpoints(house)
    yield from _trash(house)
    yield from _blobs(house)
    if house.settings.keep_task_dirs_days is not None or house.settings.keep_images_days is not None:
        engines = engines_of(house)
        yield from _folders(house, engines)
        yield from _images(house, engines)
    yield from _logs(house)


def _days(age: float) -> str:
    return f"{age:g} day{'' if age == 1 else 's'}"


# ---------------------------------------------------------------- models and blobs


def _checkpoints(house: House) -> Iterator[Going]:
    policy = house.settings.keep
    there = {one.model_id: one for one in house.store.retention.checkpoints()}
    for model_id in to_remove(there.values(), parse_keep(policy)):
        one = there[model_id]
        why = f"checkpoint {one.position} of task {one.task_id}, not kept by {policy}"
        yield Going("checkpoint", f"model {model_id}: {one.name}", why, one.size_bytes, _trasher(house, model_id))


def _trasher(house: House, model_id: int) -> Callable[[], str]:
    def remove() -> str:
        try:
            house.store.retention.trash(model_id)
        except Conflict as error:  # pinned or used meanwhile
            return str(error)
        except NotFound:  # removed by somebody else
            return ""
        return ""

    return remove


def _trash(house: House) -> Iterator[Going]:
    window = house.settings.trash_days
    before = datetime.now(UTC) - timedelta(days=window)
    for model in house.store.retention.trashed(before_us=int(before.timestamp() * 1e6)):
        why = f"in the trash for longer than {_days(window)}"
        yield Going("trash", f"model {model.id}: {model.name}", why, model.size_bytes, _purger(house, model.id))


def _purger(house: House, model_id: int) -> Callable[[], str]:
    def remove() -> str:
        sha256 = house.store.retention.purge(model_id)
        if sha256:
            collect_blob(house.store, house.artifacts, sha256)
        return ""

    return remove


def _blobs(house: House) -> Iterator[Going]:
    """Blobs that no row names and that nobody has put or asked for lately: of deleted projects, of failed imports."""
    if others_share(house.store, house.artifacts):
        return
    named = house.store.retention.named_blobs()
    for blob in house.artifacts.kept():
        if blob.sha256 not in named and blob.idle_s >= BLOB_IDLE_S:
            yield Going("blob", blob.sha256, "nothing names it", blob.size_bytes, _collector(house, blob.sha256))


def _collector(house: House, sha256: str) -> Callable[[], str]:
    def remove() -> str:
        collect_blob(house.store, house.artifacts, sha256)
        return ""

    return remove


# ---------------------------------------------------------------- folders, logs, images


def _folders(house: House, engines: list[Engine]) -> Iterator[Going]:
    days = house.settings.keep_task_dirs_days
    root = house.settings.tasks
    if days is None or not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        number, _, beside = folder.name.partition(".")
        if not _is_old_task(house, folder, number, days) or beside not in ("", "shadow", "snapshots"):
            continue
        what = [entry for entry in folder.iterdir() if "logs" not in entry.name] if not beside else [folder]
        if what:
            size = sum(size_on_disk(path) for path in what)
            why = f"its task ended more than {_days(days)} ago"
            yield Going("folder", str(folder), why, size, _deleter(house, engines, folder, what))


def _is_old_task(house: House, folder: Path, number: str, days: float) -> bool:
    if not (number.isascii() and number.isdigit()) or folder.is_symlink() or not folder.is_dir():
        return False
    if ended_status(house, int(number)) is None:
        return False
    ended = house.store.tasks.get(int(number)).finished_at
    return ended is not None and datetime.now(UTC) - ended > timedelta(days=days)


def _deleter(house: House, engines: list[Engine], folder: Path, what: list[Path]) -> Callable[[], str]:
    def remove() -> str:
        return delete_in_task_folder(house, engines, folder, what)

    return remove


def _logs(house: House) -> Iterator[Going]:
    """Log files of ended tasks, which the store holds line by line, and of agents that ran one task."""
    days = house.settings.keep_logs_days
    if days is None:
        return
    files: list[Path] = []
    for folder in house.settings.tasks.glob("*/logs"):
        if _is_old_task(house, folder.parent, folder.parent.name, days) and not folder.is_symlink():
            files += folder.iterdir()
    for file in (house.settings.home / "logs").glob("agent-task-*.log"):
        if _is_old_log(house, file, days):
            files.append(file)
    for file in sorted(files):
        yield Going("log", str(file), f"older than {_days(days)}", size_on_disk(file), _file_deleter(file))


def _is_old_log(house: House, file: Path, days: float) -> bool:
    number = file.stem.rpartition("-")[2]
    with suppress(OSError):
        is_old = time.time() - file.stat().st_mtime > days * DAY_S
        return is_old and number.isascii() and number.isdigit() and ended_status(house, int(number)) is not None
    return False


def _file_deleter(file: Path) -> Callable[[], str]:
    def remove() -> str:
        left = remove_tree(file)
        return f"{left[0]} cannot be deleted" if left else ""

    return remove


def _images(house: House, engines: list[Engine]) -> Iterator[Going]:
    days = house.settings.keep_images_days
    if days is None:
        return
    plugins = {plugin.reference: plugin.id for plugin in house.store.plugins.list() if plugin.folder is not None}
    waited_for = plugins_waited_for(house)
    for engine in engines:
        with suppress(AgentError):
            for image in engine.images_with(BUILD_LABEL):
                plugin_id = plugins.get(image.reference)
                needed = image.is_tagged and plugin_id in waited_for
                if plugin_id is not None and not needed and time.time() - image.created_s > days * DAY_S:
                    why = f"built more than {_days(days)} ago; the next task builds it again"
                    yield Going("image", image.name, why, image.size_bytes, image_remover(engine, image.name))
