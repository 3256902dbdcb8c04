"""Checks of an installation after any incident: nothing is lost, nothing is recorded twice, nothing is left over."""

from __future__ import annotations

import hashlib
import tarfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil

from agent.artifacts import Artifacts
from agent.domain import CheckpointState, Task, TaskStatus, TaskType
from agent.engines import Engine
from agent.events.model import Stream
from agent.fs.names import read_number
from agent.installation import Installation, half_made_in, installation_labels
from agent.store import Store, StoredEvent

CLOSING = {"TASK_FINISHED", "TASK_STOPPED", "TASK_CRASHED"}
RUN_VARIABLE = "SLY_RUN_ID"  # in the environment of every process that the process engine starts


@dataclass
class Count:
    """The numbers of checked items, so that a report can say how much was checked."""

    tasks: int = 0
    lines: int = 0
    points: int = 0
    checkpoints: int = 0
    projects: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def audit(
    installation: Installation,
    engines: list[Engine],
    count: Count | None = None,
    *,
    may_fail: Collection[str] = (),
    passed_over: Collection[int] = (),
    is_counted: bool = True,
) -> list[str]:
    """Every way in which the installation is not as it should be, one sentence each. All tasks must have ended.

    `may_fail`: reasons for which a checkpoint or a result may not have been kept. `passed_over`: tasks of which nothing
    is counted. `is_counted`: the plugin is the counted one, whose lines and files say which they are.
    """
    count = count or Count()
    problems: list[str] = []
    for task in installation.store.tasks.list(limit=10_000):
        if task.id in passed_over:
            continue
        problems += [f"task {task.id}: {problem}" for problem in _task(installation, task, count, may_fail, is_counted)]
    return problems + list(_leftovers(installation, engines, may_fail))


def _task(
    installation: Installation, task: Task, count: Count, may_fail: Collection[str], is_counted: bool
) -> Iterator[str]:
    count.tasks += 1
    count.ends[f"{task.status.value} ({task.reason})"] += 1
    if not task.status.is_final:
        yield f"is {task.status.value}"
        return
    events = list(_events(installation.store, task.id))
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        yield "its events are not numbered one after the other"
    if task.events_count != len(events):
        yield f"counts {task.events_count} events and has {len(events)}"
    printed = [event for event in events if event.stream is not Stream.AGENT]
    starts = [attempt.first_seq for attempt in installation.store.attempts.list(task.id)] or [1]
    its = [event for event in printed if event.seq >= starts[-1]]  # the reading position is that of the last attempt
    if task.lines_read != len(its):
        yield f"counts {task.lines_read} lines and has {len(its)}"
    yield from _closing(task, events, starts)
    if is_counted and task.type is not TaskType.DEPLOY:
        yield from _lines(installation.store, task, printed, count)
    else:
        count.lines += len(printed)
    if task.type is TaskType.TRAIN:
        yield from _checkpoints(installation, task, printed, count, may_fail, is_counted)
    elif task.type is TaskType.INFERENCE:
        yield from _project(installation, task, printed, count, may_fail)


def _events(store: Store, task_id: int) -> Iterator[StoredEvent]:
    seq = 0
    while page := store.events.after(task_id, seq, limit=5000):
        yield from page
        seq = page[-1].seq


def _closing(task: Task, events: list[StoredEvent], starts: list[int]) -> Iterator[str]:
    """`starts`: the first number of each attempt."""
    kinds = [event.event_type for event in events if event.stream is Stream.AGENT and event.event_type in CLOSING]
    wanted = {TaskStatus.FINISHED: "TASK_FINISHED", TaskStatus.STOPPED: "TASK_STOPPED"}.get(task.status, "TASK_CRASHED")
    started = any(event.event_type == "TASK_STARTED" for event in events)
    if kinds != [wanted] and (started or kinds):
        yield f"its closing events are {kinds}"
    elif kinds and events[-1].event_type != wanted:
        yield f"its last event is {events[-1].message!r}"
    steps = Counter(
        f"{event.message} {(event.fields or {}).get('step')} of attempt {bisect_right(starts, event.seq)}"
        for event in events
        if event.event_type == "STEP_COMPLETE"
    )
    for what in ("TASK_STARTED", "PROJECT_CREATED"):
        seen = Counter(
            f"{(event.fields or {}).get('project_id')} {bisect_right(starts, event.seq)}"
            for event in events
            if event.event_type == what
        )
        if any(times > 1 for times in seen.values()):
            yield f"{what} was noted twice"
    if any(times > 1 for times in steps.values()):
        yield f"steps were completed twice: {dict(steps)}"


def _lines(store: Store, task: Task, printed: list[StoredEvent], count: Count) -> Iterator[str]:
    """Check the counted plugin's numbers on each stream: 1, 2, 3 … without a gap, to the end if it succeeded."""
    for stream, word in ((Stream.STDOUT, "out"), (Stream.STDERR, "err")):
        said = [event.raw for event in printed if event.stream is stream and event.raw.startswith(f"{word} ")]
        if said and task.status is not TaskStatus.FINISHED and said[-1] != f"{word} {len(said)}":
            said.pop()  # the plugin was killed in the middle of a line
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


def _checkpoints(
    installation: Installation,
    task: Task,
    printed: list[StoredEvent],
    count: Count,
    may_fail: Collection[str],
    is_counted: bool,
) -> Iterator[str]:
    reported = [e.seq for e in printed if e.event_type == "CHECKPOINT"]
    rows = installation.store.checkpoints.list(task.id)
    count.checkpoints += len(rows)
    if [row.seq for row in rows] != reported:
        yield f"{len(reported)} checkpoints reported, {len(rows)} kept"
    models = installation.store.models.list(task_id=task.id, limit=10_000)
    rows = [row for row in rows if row.state is not CheckpointState.FAILED or row.reason not in may_fail]
    if len(models) != len(rows) or {row.model_id for row in rows} != {model.id for model in models}:
        yield f"{len(rows)} checkpoints and {len(models)} models"
    for row in rows:
        if row.state is not CheckpointState.PUBLISHED or row.model_id is None:
            yield f"checkpoint {row.index} is {row.state.value} ({row.reason})"
            continue
        model = installation.store.models.get(row.model_id)
        wanted = (b"%08d" % row.index) * task.config.get("checkpoint_eighths", 100) if is_counted else None
        if problem := _bad_tar(installation.artifacts, model.sha256, wanted):
            yield f"checkpoint {row.index}: {problem}"
    named = [model.id for model in models if model.name == task.name]
    if task.status is TaskStatus.FINISHED and named != [rows[-1].model_id]:
        yield f"models {named} have the result's name"


def _bad_tar(artifacts: Artifacts, sha256: str, wanted: bytes | None) -> str:
    with artifacts.open(sha256) as file:
        if hashlib.file_digest(cast(Any, file), "sha256").hexdigest() != sha256:
            return "its tar is damaged"
        if wanted is None:
            return ""
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            weights = tar.extractfile("model.pt")
            if sorted(tar.getnames()) != ["config.json", "model.pt"] or weights is None or weights.read() != wanted:
                return "its tar holds something else"
    return ""


def _project(
    installation: Installation, task: Task, printed: list[StoredEvent], count: Count, may_fail: Collection[str]
) -> Iterator[str]:
    reported = sum(e.event_type == "MODEL_APPLIED" for e in printed)
    made = installation.store.projects.of_task(task.id)
    count.projects += len(made)
    may_miss = bool(may_fail) and task.status is not TaskStatus.FINISHED and len(made) < reported
    if len(made) != reported and not may_miss:
        yield f"{reported} result projects reported, {len(made)} made"
    if task.status is TaskStatus.FINISHED and task.result_project_id != made[-1].id:
        yield f"its result is project {task.result_project_id}"


def _leftovers(installation: Installation, engines: list[Engine], may_fail: Collection[str]) -> Iterator[str]:
    settings = installation.settings
    for engine in engines:
        for container in engine.find(installation_labels(settings)):
            yield f"container {container.id} of task {container.task_id} is left on {engine.name}"
    for folder in (settings.home / "processes").glob("*"):
        yield f"{folder} is left"
    for folder in settings.tasks.glob("*"):
        if folder.suffix == ".snapshots" and "checkpoint_incomplete" in may_fail:
            continue  # of checkpoints that were set aside
        number = read_number(folder.name)
        task = installation.store.tasks.get(number) if number is not None else None
        kept = task is not None and task.status is TaskStatus.ERROR  # as the settings say
        entries = sorted(entry.name for entry in folder.iterdir())
        if not entries and may_fail:  # a copy of the log, whose lines the store has
            continue
        if task is None or (not kept and entries != ["logs"]):
            yield f"{folder} is left: {entries}"
    half_made = half_made_in(settings)
    half_made.sweep()
    for thing in half_made.found():
        if thing.is_left:
            yield f"{thing.what} {thing.path} is left"
    for process in _runs_of(settings.home):
        yield f"process {process.pid} is left: {process.name()}"


def end_runs_of(folder: Path) -> None:
    """Kill the processes that an engine below this folder has left, for example after a failed test."""
    for process in _runs_of(folder):
        with suppress(psutil.Error):
            process.kill()


def _runs_of(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            environment = process.environ()
            if environment.get(RUN_VARIABLE) and str(folder) in environment.get("PATH", ""):
                yield process
