"""What must be true of an installation after anything happened to it: nothing lost, nothing twice, nothing left."""

from __future__ import annotations

import hashlib
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from agent.artifacts import Artifacts, open_artifacts
from agent.domain import CheckpointState, Task, TaskStatus, TaskType
from agent.engines import Engine
from agent.events.model import Stream
from agent.house import House
from agent.launch import ECOSYSTEM, ecosystem_token
from agent.store import Store, StoredEvent

CLOSING = {"TASK_FINISHED", "TASK_STOPPED", "TASK_CRASHED"}
SWEPT_AFTER_S = 20.0
RUN_VARIABLE = "SLY_RUN_ID"  # in the environment of whatever the process engine starts


@dataclass
class Count:
    """What was looked at, so that a report can say how much was proven."""

    tasks: int = 0
    lines: int = 0
    points: int = 0
    checkpoints: int = 0
    projects: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def audit(house: House, engines: list[Engine], count: Count | None = None) -> list[str]:
    """Every way in which the installation is not as it should be, one sentence each. All tasks must have ended."""
    count = count or Count()
    problems: list[str] = []
    for task in house.store.tasks.list(limit=10_000):
        problems += [f"task {task.id}: {problem}" for problem in _task(house, task, count)]
    return problems + list(_leftovers(house, engines))


def _task(house: House, task: Task, count: Count) -> Iterator[str]:
    count.tasks += 1
    count.ends[f"{task.status.value} ({task.reason})"] += 1
    if not task.status.is_final:
        yield f"is {task.status.value}"
        return
    events = list(_events(house.store, task.id))
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        yield "its events are not numbered one after the other"
    if task.events_count != len(events):
        yield f"counts {task.events_count} events and has {len(events)}"
    printed = [event for event in events if event.stream is not Stream.AGENT]
    if task.lines_read != len(printed):
        yield f"counts {task.lines_read} lines and has {len(printed)}"
    yield from _closing(task, events)
    yield from _lines(house.store, task, printed, count)
    if task.type is TaskType.TRAIN:
        yield from _checkpoints(house, task, printed, count)
    else:
        yield from _project(house, task, printed, count)


def _events(store: Store, task_id: int) -> Iterator[StoredEvent]:
    seq = 0
    while page := store.events.after(task_id, seq, limit=5000):
        yield from page
        seq = page[-1].seq


def _closing(task: Task, events: list[StoredEvent]) -> Iterator[str]:
    kinds = [event.event_type for event in events if event.stream is Stream.AGENT and event.event_type in CLOSING]
    wanted = {TaskStatus.FINISHED: "TASK_FINISHED", TaskStatus.STOPPED: "TASK_STOPPED"}.get(task.status, "TASK_CRASHED")
    started = any(event.event_type == "TASK_STARTED" for event in events)
    if kinds != [wanted] and (started or kinds):
        yield f"its closing events are {kinds}"
    elif kinds and events[-1].event_type != wanted:
        yield f"its last event is {events[-1].message!r}"
    steps = Counter(e.message + str((e.fields or {}).get("step")) for e in events if e.event_type == "STEP_COMPLETE")
    for what in ("TASK_STARTED", "PROJECT_CREATED"):
        seen = Counter(str((event.fields or {}).get("project_id")) for event in events if event.event_type == what)
        if any(times > 1 for times in seen.values()):
            yield f"{what} was noted twice"
    if any(times > 1 for times in steps.values()):
        yield f"steps were completed twice: {dict(steps)}"


def _lines(store: Store, task: Task, printed: list[StoredEvent], count: Count) -> Iterator[str]:
    """The counted plugin's numbers on each stream: 1, 2, 3 … without a gap, to the end when it ended well."""
    for stream, word in ((Stream.STDOUT, "out"), (Stream.STDERR, "err")):
        said = [event.raw for event in printed if event.stream is stream and event.raw.startswith(f"{word} ")]
        if said and task.status is not TaskStatus.FINISHED and said[-1] != f"{word} {len(said)}":
            said.pop()  # killed in the middle of a line
        numbers = [int(raw.split()[1]) for raw in said]
        count.lines += len(numbers)
        if numbers != list(range(1, len(numbers) + 1)):
            lost = set(range(1, max(numbers) + 1)) - set(numbers)
            twice = [number for number, times in Counter(numbers).items() if times > 1]
            yield f"{word}: {len(lost)} lines lost ({sorted(lost)[:5]}), {len(twice)} twice ({twice[:5]})"
        elif task.status is TaskStatus.FINISHED and len(numbers) != task.config["lines"]:
            yield f"{word}: {len(numbers)} of {task.config['lines']} lines"
    reported = sum(e.event_type == "METRICS" for e in printed)
    points = [store.metrics.points(series.id) for series in store.metrics.series(task.id)]
    epochs = [epoch for one in points for epoch in one.epoch]
    count.points += len(epochs)
    if epochs != [float(number) for number in range(1, reported + 1)]:
        yield f"{len(epochs)} points of {reported} reported"


def _checkpoints(house: House, task: Task, printed: list[StoredEvent], count: Count) -> Iterator[str]:
    reported = [e.seq for e in printed if e.event_type == "CHECKPOINT"]
    rows = house.store.checkpoints.list(task.id)
    count.checkpoints += len(rows)
    if [row.seq for row in rows] != reported:
        yield f"{len(reported)} checkpoints reported, {len(rows)} kept"
    models = house.store.models.list(task_id=task.id, limit=10_000)
    if len(models) != len(rows) or {row.model_id for row in rows} != {model.id for model in models}:
        yield f"{len(rows)} checkpoints and {len(models)} models"
    for row in rows:
        if row.state is not CheckpointState.PUBLISHED or row.model_id is None:
            yield f"checkpoint {row.index} is {row.state.value} ({row.reason})"
            continue
        model = house.store.models.get(row.model_id)
        wanted = (b"%08d" % row.index) * task.config.get("checkpoint_eighths", 100)
        if problem := _bad_tar(house.artifacts, model.sha256, wanted):
            yield f"checkpoint {row.index}: {problem}"
    named = [model.id for model in models if model.name == task.name]
    if task.status is TaskStatus.FINISHED and named != [rows[-1].model_id]:
        yield f"models {named} have the result's name"


def _bad_tar(artifacts: Artifacts, sha256: str, wanted: bytes) -> str:
    with artifacts.open(sha256) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return "its tar is damaged"
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            weights = tar.extractfile("model.pt")
            if sorted(tar.getnames()) != ["config.json", "model.pt"] or weights is None or weights.read() != wanted:
                return "its tar holds something else"
    return ""


def _project(house: House, task: Task, printed: list[StoredEvent], count: Count) -> Iterator[str]:
    reported = sum(e.event_type == "MODEL_APPLIED" for e in printed)
    made = house.store.projects.of_task(task.id)
    count.projects += len(made)
    if len(made) != reported:
        yield f"{reported} result projects reported, {len(made)} made"
    if task.status is TaskStatus.FINISHED and task.result_project_id != made[-1].id:
        yield f"its result is project {task.result_project_id}"


def _leftovers(house: House, engines: list[Engine]) -> Iterator[str]:
    settings = house.settings
    for engine in engines:
        for container in engine.find({"ecosystem": ECOSYSTEM, "ecosystem_token": ecosystem_token(settings)}):
            yield f"container {container.id} of task {container.task_id} is left on {engine.name}"
    for folder in (settings.home / "processes").glob("*"):
        yield f"{folder} is left"
    for folder in settings.tasks.glob("*"):
        task = house.store.tasks.get(int(folder.name)) if folder.name.isdigit() else None
        kept = task is not None and task.status is TaskStatus.ERROR  # as the settings say
        if task is None or (not kept and [entry.name for entry in folder.iterdir()] != ["logs"]):
            yield f"{folder} is left: {sorted(entry.name for entry in folder.iterdir())}"
    open_artifacts(settings.artifacts)  # sweeps
    for half in (Path(settings.artifacts) / "half").glob("*"):
        if half.suffix != ".lock" and time.time() - half.stat().st_ctime > SWEPT_AFTER_S:
            yield f"{half} is left"
    for process in _runs_of(settings.home):
        yield f"process {process.pid} is left: {process.name()}"


def end_runs_of(folder: Path) -> None:
    """Kill what an engine below this folder has left running, for instance after a failed test."""
    for process in _runs_of(folder):
        with suppress(psutil.Error):
            process.kill()


def _runs_of(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            environment = process.environ()
            if environment.get(RUN_VARIABLE) and str(folder) in environment.get("PATH", ""):
                yield process
