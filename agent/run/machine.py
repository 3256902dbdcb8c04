"""The conditions without which this machine runs no task: free space, artifacts that take bytes, a living engine.

A task that fails for one of them is not at fault. It waits until the machine can run it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.artifacts import refusal
from agent.errors import ArtifactsAway, EngineUnavailable, StorageFailed, StoreBusy
from agent.fs.disk import lack_of_space
from agent.installation import START_SHARE
from agent.store import sqlite_file

if TYPE_CHECKING:
    from agent.installation import Installation


def disks(installation: Installation) -> list[Path]:
    """One folder on each local disk that a task writes to."""
    settings = installation.settings
    places = [settings.tasks, settings.home]
    with suppress(StorageFailed):  # a server's
        places.append(sqlite_file(settings.store))
    if "://" not in settings.artifacts:
        places.append(Path(settings.artifacts))
    by_disk: dict[int, Path] = {}
    for place in places:
        folder = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
        by_disk.setdefault(folder.stat().st_dev, folder)
    return list(by_disk.values())


def storage_trouble(installation: Installation) -> str:
    """Why no task can be started for want of space or of artifacts; empty when nothing is wrong."""
    needed_bytes = int(installation.settings.min_free_bytes * START_SHARE)
    try:
        lacks = [lack for folder in disks(installation) if (lack := lack_of_space(folder, needed_bytes))]
    except OSError as error:
        return str(error)
    return lacks[0] if lacks else refusal(installation.artifacts)


def engine_trouble(installation: Installation, engine: str) -> str:
    """Why a task that wants this engine cannot be started; empty when nothing is wrong.

    `auto` takes processes where Docker does not answer, but not in an installation whose tasks ran in Docker: there it
    has not come up yet, and the plugins' packages are in their images.
    """
    if engine in ("process", "pod", "replay") or (
        engine == "auto" and installation.store.tasks.last_engine() != "docker"
    ):
        return ""
    try:
        installation.open_engine(engine if engine == "apptainer" else "docker", installation.settings)
    except EngineUnavailable as error:
        return str(error)
    return ""


def is_at_fault(error: BaseException, installation: Installation) -> bool:
    """Whether this machine is why a task could not be started, and not the task itself.

    Where storage refused, it is asked again: a task that needs more space than the disk has is itself at fault.
    """
    if isinstance(error, (EngineUnavailable, StoreBusy, ArtifactsAway)):
        return True
    return isinstance(error, StorageFailed) and storage_trouble(installation) != ""
