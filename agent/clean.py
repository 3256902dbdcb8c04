"""What an installation has left on engine and disk and nobody needs any more: found, shown, removed.

Ours is what carries our labels, or lies in our folders under the number of a task that this store knows to have
ended. Everything else is left alone, whatever it looks like. Half-written artifacts need no finding: opening the
artifacts removes those whose writer is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.build import BUILD_LABEL
from agent.domain import TaskStatus
from agent.errors import AgentError, NotFound
from agent.formats.disk import remove_tree, size_on_disk
from agent.formats.task_dir import TaskDir
from agent.launch import ECOSYSTEM, ecosystem_token

if TYPE_CHECKING:
    from agent.engines import Container, Engine
    from agent.house import House

_ALL = 1_000_000

Kind = Literal["container", "folder", "image"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing to remove. `size_bytes` is an upper bound for images, which share layers; 0: not measured."""

    kind: Kind
    name: str
    why: str
    size_bytes: int
    task_id: int | None = None
    remove: Callable[[], str] = field(repr=False, compare=False, default=lambda: "")
    """Do it; give one sentence about what could not be done, empty when all is gone."""


def leftovers(house: House, *, images: bool = False) -> list[Leftover]:
    """Everything of ours that nobody needs: containers and folders of ended tasks, with `images` what we built.

    An engine that does not answer is passed over: what it has can only be found when it is there.
    """
    engines = engines_of(house)
    found = [*_containers(house, engines), *_folders(house, engines)]
    if images:
        found += _images(house, engines)
    return found


def engines_of(house: House) -> list[Engine]:
    engines: list[Engine] = []
    for name in ("process", "docker"):
        if name == "docker" and house.settings.engine == "process":
            continue
        with suppress(AgentError):
            engines.append(house.open_engine(name, house.settings))
    return engines


def ended_status(house: House, task_id: int) -> TaskStatus | None:
    """How it ended; None when it has not, or is unknown here: another store may know it."""
    try:
        status = house.store.tasks.get(task_id).status
    except (NotFound, OverflowError):
        return None
    return status if status.is_final else None


# ---------------------------------------------------------------- containers


def _containers(house: House, engines: list[Engine]) -> Iterator[Leftover]:
    ours = {"ecosystem": ECOSYSTEM, "ecosystem_token": ecosystem_token(house.settings)}
    for engine in engines:
        with suppress(AgentError):
            for one in engine.find(ours, unstarted=True):
                if one.task_id is None and one.is_over():
                    why = "gave files back, and its agent died meanwhile"
                elif one.task_id is not None and ended_status(house, one.task_id) is not None:
                    why = f"task {one.task_id} has ended"
                else:
                    continue
                yield Leftover("container", one.id[:12], why, 0, one.task_id, _remover(one))


def _remover(container: Container) -> Callable[[], str]:
    def remove() -> str:
        try:
            container.remove()
        except AgentError as error:
            return str(error)
        return ""

    return remove


# ---------------------------------------------------------------- folders


def _folders(house: House, engines: list[Engine]) -> Iterator[Leftover]:
    root = house.settings.tasks
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        number, _, beside = folder.name.partition(".")
        if not (number.isascii() and number.isdigit()) or folder.is_symlink():
            continue
        task_id = int(number)
        status = ended_status(house, task_id)
        if status is None:
            continue
        what = _to_remove(house, folder, beside, status)
        if not what:
            continue
        size = sum(size_on_disk(path) for path in what)
        why = f"task {task_id} has ended"
        yield Leftover("folder", str(folder), why, size, task_id, _deleter(house, engines, folder, what))


def _to_remove(house: House, folder: Path, beside: str, status: TaskStatus) -> list[Path]:
    """What of a folder below the tasks' may go now."""
    match beside:
        case "shadow":
            return [folder]
        case "snapshots":  # whole ones are checkpoints that could not be published: a person may want them
            halves = list(folder.glob("*.half"))
            return halves if any(folder.iterdir()) else [folder]
        case "":
            return TaskDir(folder).contents() if is_to_clean(house, status) else []
    return []


def is_to_clean(house: House, status: TaskStatus) -> bool:
    """Whether the settings say that the folder of a task that ended so is not kept."""
    settings = house.settings
    failed = status is TaskStatus.ERROR
    return settings.delete_task_dir_on_failure if failed else settings.delete_task_dir_on_finish


def _deleter(house: House, engines: list[Engine], folder: Path, what: list[Path]) -> Callable[[], str]:
    def remove() -> str:
        return delete_in_task_folder(house, engines, folder, what)

    return remove


def delete_in_task_folder(house: House, engines: list[Engine], folder: Path, what: list[Path]) -> str:
    """Delete these entries of a task's folder, as root in a container where the user alone cannot; what remains."""
    left = [rest for path in what for rest in remove_tree(path)]
    if not left:
        return ""
    labels = {"ecosystem": ECOSYSTEM, "ecosystem_token": ecosystem_token(house.settings)}
    problem = ""
    for engine in engines:
        try:
            engine.give_back(str(house.settings.tasks_on_host / folder.name), labels)
        except AgentError as error:
            problem = f": {error}"
    left = [rest for path in what for rest in remove_tree(path)]
    return f"{len(left)} entries cannot be deleted, {left[0]} first{problem}" if left else ""


# ---------------------------------------------------------------- images


def _images(house: House, engines: list[Engine]) -> Iterator[Leftover]:
    """Images built here of plugins this store knows, unless a task that has not ended runs or waits for one."""
    plugins = {plugin.reference: plugin.id for plugin in house.store.plugins.list() if plugin.folder is not None}
    waiting = plugins_waited_for(house)
    for engine in engines:
        with suppress(AgentError):
            for image in engine.images_with(BUILD_LABEL):
                if image.reference not in plugins:
                    continue
                if not image.is_tagged:
                    why = f"an older build of {image.reference}"
                elif plugins[image.reference] not in waiting:
                    why = "no task needs it now; the next one builds it again"
                else:
                    continue
                yield Leftover("image", image.name, why, image.size_bytes, None, image_remover(engine, image.name))


def plugins_waited_for(house: House) -> set[int]:
    """Ids of the plugins of all tasks that have not ended."""
    not_ended = [status for status in TaskStatus if not status.is_final]
    return {task.plugin_id for task in house.store.tasks.list(statuses=not_ended, limit=_ALL)}


def image_remover(engine: Engine, name: str) -> Callable[[], str]:
    """Removes the image when called; gives one sentence about what kept it from that, empty when it is gone."""

    def remove() -> str:
        try:
            engine.remove_image(name)
        except AgentError as error:
            return str(error)
        return ""

    return remove
