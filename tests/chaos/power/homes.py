"""What a restarted agent finds in a home after a power cut: nothing acknowledged is lost, nothing is pretended."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from agent.artifacts import open_artifacts
from agent.domain import CheckpointState, ContainerSpec, TaskStatus
from agent.engines import Engine
from agent.engines.frames import FrameParser
from agent.engines.process import ProcessEngine
from agent.engines.process_container import ProcessContainer
from agent.errors import AgentError, CouldNotStart
from agent.installation import Installation
from agent.maintenance.housekeeping import Housekeeping
from agent.maintenance.restore import restore
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.worker.loop import run_one
from tests.chaos.audit import audit
from tests.chaos.power.said import Said

TOKEN = "a-token-of-the-scenarios"
# What a plugin had written and not synced, and what was not acknowledged, may be gone; it may not be half there.
MAY_FAIL = {"checkpoint_missing", "checkpoint_empty", "checkpoint_incomplete", "no_result_project", "result_incomplete"}


class NothingStarts(ProcessEngine):
    """The engine as it comes up again: what it had is there, ended. Nothing new is started."""

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        raise CouldNotStart(f"{spec.name}: the audit starts nothing")


@contextmanager
def opened(home: Path, recorded: Path) -> Iterator[Installation]:
    """The installation in `home`, opened as after a restart; `recorded` is where it was."""
    home.mkdir(exist_ok=True)
    psutil.boot_time = time.time  # the machine has just come up
    for half_made in (home / "processes").glob("*.new"):
        os.utime(half_made, (0, 0))  # and it took a while
    settings = Settings(home=home, tasks_host_dir=recorded / "tasks", engine="process", min_free="0", token=TOKEN)

    def open_engine(name: str, settings: Settings) -> Engine:
        return NothingStarts(settings.home / "processes")

    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings, open_engine)


def library(installation: Installation) -> Iterator[str]:
    """Whatever a row names is there, whole."""
    store = installation.store
    yield from (f"the database is damaged: {line}" for line in store.damage())
    named = {model.sha256: f"model {model.id}" for model in store.models.list(limit=10_000)}
    for project in store.projects.list(limit=10_000):
        images = [image for dataset in store.datasets.list(project.id) for image in store.images.of_dataset(dataset.id)]
        if len(images) != project.images_count:
            yield f"project {project.id} has {len(images)} of {project.images_count} images"
        named |= {image.sha256: f"image {image.name} of project {project.id}" for image in images}
    for sha256, name in named.items():
        try:
            installation.artifacts.open(sha256, verify=True).close()
        except AgentError as error:
            yield f"{name}: {error}"


def model_is_there(installation: Installation, model_id: int) -> Iterator[str]:
    try:
        installation.store.models.get(model_id)
    except AgentError as error:
        yield f"acknowledged and lost: {error}"


def project_is_there(installation: Installation, project_id: int) -> Iterator[str]:
    try:
        installation.store.projects.get(project_id)
    except AgentError as error:
        yield f"acknowledged and lost: {error}"


def task(installation: Installation, said: Said, *, command: str, checkpoints: int = 0) -> Iterator[str]:
    """Task 1, submitted by this command, taken over by an agent that starts now."""
    printed = _printed(installation)
    was_there = said.has(r"^container was made$")
    removed = was_there and printed is None
    if not (tasks := installation.store.tasks.list()):
        if said.has(r"^task 1: ") or was_there:
            yield "task 1 was acknowledged and is lost"
        return
    task = tasks[0]
    if not task.status.is_final:
        task = run_one(installation, task.id, Shutdown())
    ended = said.has("^finished") or said.done(command)
    if ended and task.status is not TaskStatus.FINISHED:
        yield f"the end was acknowledged and the task is {task.status.value} ({task.reason}): {task.message}"
    Housekeeping(installation).sweep()
    engine = installation.open_engine("process", installation.settings)
    yield from audit(installation, [engine], may_fail=MAY_FAIL)
    if removed and task.status is not TaskStatus.FINISHED:
        yield f"the container was removed and the task is {task.status.value} ({task.reason}): {task.message}"
    if printed is not None and task.lines_read < printed:
        yield f"{printed} lines were printed and {task.lines_read} are kept"
    states = {row.index: row.state for row in installation.store.checkpoints.list(task.id)}
    promised = range(checkpoints) if ended else [int(m[1]) for m in said.found(r"^checkpoint (\d+) → model")]
    if lost := [index for index in promised if states.get(index) is not CheckpointState.PUBLISHED]:
        yield f"checkpoints {lost} were acknowledged and are lost"


def _printed(installation: Installation) -> int | None:
    """How many whole lines the plugin had printed; None without a container."""
    for container in (installation.settings.home / "processes").glob("*/container.json"):
        if not (folder := container.parent).suffix:
            output = folder / "output"
            frames = FrameParser().feed(output.read_bytes()) if output.exists() else ()
            return sum(data.count(b"\n") for _, data in frames)
    return None


def backup_file(file: Path, scratch: Path) -> Iterator[str]:
    """A backup that is there under its name can be restored, and holds all it names."""
    settings = Settings(home=scratch, engine="process", min_free="0")
    try:
        restore(settings, file)
    except AgentError as error:
        yield f"the backup is there and cannot be restored: {error}"
        return
    with open_store(settings.store) as store:
        yield from library(Installation(store, open_artifacts(settings.artifacts), settings))


def rows(file: Path) -> dict[str, int]:
    """The number of rows of each table."""
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        count = "SELECT count(*) FROM {}"
        return {name: connection.execute(count.format(name)).fetchone()[0] for name in names}


def lines(file: Path) -> int:
    """The number of events of all tasks."""
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT coalesce(sum(lines), 0) FROM line_blocks").fetchone()[0])


def image_bytes(installation: Installation, content: bytes) -> Iterator[str]:
    """Bytes whose hash was given to a client are there."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        installation.artifacts.open(sha256, verify=True).close()
    except AgentError as error:
        yield f"an upload was acknowledged: {error}"
