"""What ended tasks have left because an engine was away or an agent died: found by its labels and removed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import TaskStatus
from agent.errors import AgentError, NotFound
from agent.formats.disk import remove_tree
from agent.formats.task_dir import TaskDir
from agent.launch import ECOSYSTEM, ecosystem_token

if TYPE_CHECKING:
    from agent.engines import Container, Engine
    from agent.house import House

log = logging.getLogger("agent")


def sweep(house: House) -> int:
    """Remove containers and folders of tasks that have ended; how many. What fails is tried again next time.

    Nothing of a task that is unknown here is touched: another store may know it.
    """
    count = 0
    for engine in _engines(house):
        with suppress(AgentError):
            for container in _containers(house, engine):
                log.info("removing container %s of task %s, which has ended", container.id[:12], container.task_id)
                container.remove()
                count += 1
    with suppress(OSError, AgentError):
        for folder, status in _folders(house):
            count += _clean(house, folder, status) if folder.name.isdigit() else _remove_beside(folder)
    return count


def left(house: House) -> tuple[int, int]:
    """How many containers and folders the next `sweep` would find."""
    containers = 0
    for engine in _engines(house):
        with suppress(AgentError):
            containers += len(_containers(house, engine))
    with suppress(OSError, AgentError):
        return containers, sum(not f.name.isdigit() or _is_to_clean(house, status) for f, status in _folders(house))
    return containers, 0


def _engines(house: House) -> list[Engine]:
    engines = []
    for name in ("process",) if house.settings.engine == "process" else ("process", "docker"):
        with suppress(AgentError):
            engines.append(house.open_engine(name, house.settings))
    return engines


def _containers(house: House, engine: Engine) -> list[Container]:
    ours = {"ecosystem": ECOSYSTEM, "ecosystem_token": ecosystem_token(house.settings)}
    found = engine.find(ours, unstarted=True)
    return [c for c in found if c.task_id is not None and _status(house, c.task_id) is not None]


def _folders(house: House) -> Iterator[tuple[Path, TaskStatus]]:
    """Task folders that were to be cleaned and were not, and what lies beside those of ended tasks."""
    settings = house.settings
    for folder in settings.tasks.iterdir() if settings.tasks.is_dir() else ():
        number, _, beside = folder.name.partition(".")
        if not number.isdigit() or not (beside == "shadow" or (not beside and TaskDir(folder).marker.exists())):
            continue
        if (status := _status(house, int(number))) is not None:
            yield folder, status


def _remove_beside(folder: Path) -> int:
    remove_tree(folder)
    return 1


def _clean(house: House, folder: Path, status: TaskStatus) -> int:
    if not _is_to_clean(house, status):
        return 0
    TaskDir(folder).clean()
    return 1


def _is_to_clean(house: House, status: TaskStatus) -> bool:
    settings = house.settings
    failed = status is TaskStatus.ERROR
    return settings.delete_task_dir_on_failure if failed else settings.delete_task_dir_on_finish


def _status(house: House, task_id: int) -> TaskStatus | None:
    """How a task ended; None when it has not, or is unknown."""
    try:
        status = house.store.tasks.get(task_id).status
    except NotFound:
        return None
    return status if status.is_final else None
