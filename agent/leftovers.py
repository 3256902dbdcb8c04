"""What ended tasks have left because an engine was away or an agent died: found by its labels and removed."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import TaskStatus
from agent.errors import AgentError, NotFound
from agent.formats.disk import remove_tree
from agent.formats.task_dir import TaskDir
from agent.launch import ECOSYSTEM, ecosystem_token

if TYPE_CHECKING:
    from agent.engines import Engine
    from agent.house import House

log = logging.getLogger("agent")


def sweep(house: House) -> int:
    """Remove containers and folders of tasks that have ended; how many. What fails is tried again next time.

    Nothing of a task that is unknown here is touched: another store may know it.
    """
    count = 0
    for engine in _engines(house):
        with suppress(AgentError):
            count += _containers(house, engine)
    with suppress(OSError, AgentError):
        count += _folders(house)
    return count


def _engines(house: House) -> list[Engine]:
    engines = []
    for name in ("process",) if house.settings.engine == "process" else ("process", "docker"):
        with suppress(AgentError):
            engines.append(house.open_engine(name, house.settings))
    return engines


def _containers(house: House, engine: Engine) -> int:
    ours = {"ecosystem": ECOSYSTEM, "ecosystem_token": ecosystem_token(house.settings)}
    count = 0
    for container in engine.find(ours, unstarted=True):
        if container.task_id is not None and _status(house, container.task_id) is not None:
            log.info("removing container %s of task %s, which has ended", container.id[:12], container.task_id)
            container.remove()
            count += 1
    return count


def _folders(house: House) -> int:
    """Task folders that were to be cleaned and were not, and what lies beside those of ended tasks."""
    settings, count = house.settings, 0
    for folder in settings.tasks.iterdir() if settings.tasks.is_dir() else ():
        number, _, beside = folder.name.partition(".")
        if not number.isdigit() or not (beside == "shadow" or (not beside and TaskDir(folder).marker.exists())):
            continue
        status = _status(house, int(number))
        if status is None:
            continue
        count += _remove_beside(folder) if beside else _clean(house, folder, status)
    return count


def _remove_beside(folder: Path) -> int:
    remove_tree(folder)
    return 1


def _clean(house: House, folder: Path, status: TaskStatus) -> int:
    failed = status is TaskStatus.ERROR
    if house.settings.delete_task_dir_on_failure if failed else house.settings.delete_task_dir_on_finish:
        TaskDir(folder).clean()
        return 1
    return 0


def _status(house: House, task_id: int) -> TaskStatus | None:
    """How a task ended; None when it has not, or is unknown."""
    try:
        status = house.store.tasks.get(task_id).status
    except NotFound:
        return None
    return status if status.is_final else None
