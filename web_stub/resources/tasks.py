"""Tasks with their bars, events and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import Field

from agent import domain
from agent.domain import CheckpointState, TaskStatus, TaskType
from agent.events.model import Level, Stream
from agent.store import Series, StoredEvent
from web_stub.resources.resource import Ref, Resource

StreamName = Literal["agent", "stdout", "stderr"]

_LEVELS = {level: level.name.lower() for level in Level}
_STREAMS: dict[Stream, StreamName] = {Stream.AGENT: "agent", Stream.STDOUT: "stdout", Stream.STDERR: "stderr"}


class Progress(Resource):
    subtask: str
    current: int
    total: int
    current_label: str | None
    total_label: str | None
    updated_at: datetime


class ProgressList(Resource):
    items: list[Progress]


class Pace(Resource):
    """How fast a running task goes, from what it reported lately."""

    unit: Literal["epoch", "step"]
    bar: Annotated[str | None, Field(description="the progress bar that counts the steps")]
    done: float
    total: float | None
    seconds_per_unit: float
    ends_at: Annotated[datetime | None, Field(description="an estimate; null: the whole is not known")]
    valid_until: Annotated[datetime, Field(description="unless the task reports something until then")]


class LastMetric(Resource):
    kind: str
    name: str
    epoch: float | None
    value: float | None
    count: int

    @classmethod
    def of(cls, series: Series) -> Self:
        return super().of(series, epoch=series.last_epoch, value=series.last_value)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a task so far: its newest bar, the last values of its metrics, the number of its checkpoints."""

    progress: Progress | None
    metrics: list[LastMetric]
    metrics_count: int
    checkpoints: int


class TaskCard(Resource):
    id: int
    type: TaskType
    status: TaskStatus
    name: str
    plugin: Ref
    project: Annotated[Ref | None, Field(description="null: of a deployed model, which has none")]
    model: Ref
    step: str
    engine: str | None
    agent_id: str | None
    node: Annotated[str | None, Field(description="the id of the node whose agent has it, or had it at the end")]
    attempt: Annotated[int, Field(description="from 1 on; a task whose node was lost may be run again")]
    stop_requested: bool
    waits_for: Annotated[
        str | None,
        Field(description="why nothing happens: it is queued and not only for its turn, or its node is silent"),
    ]
    job: Annotated[
        str | None, Field(description="the newest job that starts its agent, and the node; null: not placed")
    ]
    reason: str | None
    message: str | None
    exit_code: int | None
    lines_read: int
    events_count: int
    result_project_id: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    tags: list[str]
    archived_at: Annotated[datetime | None, Field(description="left out of lists since then")]
    deleted_at: Annotated[datetime | None, Field(description="in the trash since then")]
    progress: Progress | None
    metrics: Annotated[list[LastMetric], Field(description="the first hundred series of the task")]
    metrics_count: Annotated[int, Field(description="of all series of the task")]
    checkpoints: int
    pace: Annotated[Pace | None, Field(description="null: no basis for one; a list has the paces of 50 running tasks")]

    @classmethod
    def of(cls, task: domain.Task, outcome: Outcome, **given: Any) -> Self:
        """`given` are the references and the pace.

        Written out, which is three times as fast: a list shows a thousand cards.
        """
        return cls(
            id=task.id,
            type=task.type,
            status=task.status,
            name=task.name,
            step=task.step.name,
            engine=task.engine,
            agent_id=task.agent_id,
            node=task.node,
            attempt=task.attempt,
            stop_requested=task.stop_requested,
            reason=task.reason,
            message=task.message,
            exit_code=task.exit_code,
            lines_read=task.lines_read,
            events_count=task.events_count,
            result_project_id=task.result_project_id,
            created_at=task.created_at,
            started_at=task.started_at,
            finished_at=task.finished_at,
            tags=list(task.tags),
            archived_at=task.archived_at,
            deleted_at=task.deleted_at,
            progress=outcome.progress,
            metrics=outcome.metrics,
            metrics_count=outcome.metrics_count,
            checkpoints=outcome.checkpoints,
            **given,
        )


class TaskList(Resource):
    items: list[TaskCard]
    next: Annotated[int | None, Field(description="the cursor of the next page; null on the last one")]
    total: Annotated[int, Field(description="of all tasks that match, on all pages")]
    counts: Annotated[dict[TaskStatus, int], Field(description="by status, of those that match but for `status`")]
    archived: Annotated[int, Field(description="of those that match, in the archive: `counts` are without them")]


class Options(Resource):
    engine: str
    gpus: str
    pull: str
    writable_data: bool
    stop_grace_s: float
    memory_bytes: int | None
    hardened: bool
    time_limit_s: float | None
    idle_limit_s: float | None
    env: dict[str, str]
    on: dict[str, str]
    restarts: int
    evaluate: Annotated[bool, Field(description="of an inference: its predictions are judged at the end")]


class Attempt(Resource):
    number: int
    node: Annotated[str | None, Field(description="the id of the node that launched it; null: it waits in the queue")]
    node_name: str | None
    agent_id: str | None
    model_id: Annotated[int, Field(description="the model that it starts from")]
    first_seq: Annotated[int, Field(description="its first event may have this number, none before it")]
    started_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    message: str | None


class AttemptList(Resource):
    items: list[Attempt]


class Placement(Resource):
    """A start of a task's agent by a cluster."""

    number: int
    cluster: str
    job: str | None
    state: Literal["placing", "waiting", "running", "ended"]
    why: Annotated[str | None, Field(description="its job waits, or ended so: a sentence")]
    node: str | None
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    how: Annotated[str | None, Field(description="its job ended: done, failed, out_of_memory, ...")]


class WholeTask(TaskCard):
    placements: Annotated[
        list[Placement], Field(description="oldest first; empty for a task that no cluster was given")
    ]
    config: dict[str, Any]
    options: Options
    container_id: str | None
    container_spec: dict[str, Any] | None
    image_digest: str | None

    @classmethod
    def of(cls, task: domain.Task, outcome: Outcome, **given: Any) -> Self:
        return super().of(
            task,
            outcome,
            config=task.config,
            options=Options.of(task.options),
            container_id=task.container_id,
            container_spec=task.container_spec,
            image_digest=task.image_digest,
            **given,
        )


class TaskDetail(WholeTask):
    notes: Annotated[str, Field(description="what a person wrote about it, in Markdown")]

    @classmethod
    def of(cls, task: domain.Task, outcome: Outcome, **given: Any) -> Self:
        return super().of(task, outcome, notes=task.notes, **given)


class QueuedTask(WholeTask):
    """A task that was asked for just now."""

    notes: Annotated[list[str], Field(description="sentences about what was asked for and may be a slip; often none")]


class NearMiss(Resource):
    """A line that was surely meant as an event."""

    kind: str
    nearly: Annotated[str, Field(description="what it nearly was; completes: this line is nearly …")]
    change: Annotated[str, Field(description="the change that makes it one, a sentence")]


class NearMissKind(NearMiss):
    """Those of one kind in a task; the sentences are those of the first line."""

    count: int
    first_seq: int


class NearMissList(Resource):
    items: list[NearMissKind]


class EventLine(Resource):
    """A numbered line. `body` is what a known event says, `fields` are the other keys of its JSON object."""

    seq: int
    time: datetime
    stream: StreamName
    level: str
    message: str
    event_type: str | None
    body: dict[str, Any] | None
    fields: Mapping[str, Any] | None
    parse_error: str | None
    near_miss: Annotated[NearMiss | None, Field(description="it says what `parse_error` says, and more")]

    @classmethod
    def of(cls, row: StoredEvent, **given: Any) -> Self:
        """Written out, which is three times as fast: streams carry thousands a second."""
        return cls(
            seq=row.seq,
            time=row.time,
            stream=_STREAMS[row.stream],
            level=_LEVELS[row.level],
            message=row.message,
            event_type=row.event_type,
            body=msgspec.to_builtins(row.body),
            fields=row.fields or None,
            parse_error=row.parse_error,
            near_miss=None if row.near_miss is None else NearMiss.of(row.near_miss),
            **given,
        )


class Event(EventLine):
    raw: str | None = None


class EventList(Resource):
    items: list[Event]
    next: Annotated[
        int | None, Field(description="`after` (or `before`) of the next page; null when this is the end for now")
    ]


class LineCount(Resource):
    count: Annotated[int, Field(description="of the lines that match")]
    all: int


class Checkpoint(Resource):
    id: int
    task_id: int
    seq: int
    index: int
    subdir: str
    is_best: bool
    optional: dict[str, Any] | None
    state: CheckpointState
    reason: str | None
    model_id: int | None
    model_name: str | None
    size_bytes: int
    sha256: str | None
    download: str | None
    created_at: datetime

    @classmethod
    def of(cls, checkpoint: domain.Checkpoint, model: domain.Model | None) -> Self:
        """Size and hash are those of its `model` state, while the library has one."""
        return super().of(
            checkpoint,
            model_id=model.id if model else None,
            model_name=model.name if model else None,
            size_bytes=model.size_bytes if model else checkpoint.size_bytes,
            sha256=model.sha256 if model else None,
            download=f"/api/models/{model.id}/download" if model else None,
        )


class CheckpointList(Resource):
    items: list[Checkpoint]
