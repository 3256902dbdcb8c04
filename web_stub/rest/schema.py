"""The shapes of the REST API, for its OpenAPI and for checking what comes in. pydantic lives here only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent.domain import CheckpointState, TaskOptions, TaskStatus, TaskType

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


def _storable(value: Any) -> Any:
    try:
        orjson.dumps(value)
    except TypeError as e:
        raise ValueError(f"cannot be stored as strict JSON: {e}") from None
    return value


class In(BaseModel):
    """Unknown keys are refused: a misspelt one would silently do nothing."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorDetails(BaseModel):
    message: str
    reason: str | None = None
    problems: list[Any] | None = None


class Error(BaseModel):
    error: str
    details: ErrorDetails


class Ref(Out):
    id: int
    name: str


class Progress(Out):
    subtask: str
    current: int
    total: int
    current_label: str | None
    total_label: str | None
    updated_at: datetime


class LastMetric(Out):
    kind: str
    name: str
    epoch: float | None
    value: float | None
    count: int


class TaskCard(Out):
    id: int
    type: TaskType
    status: TaskStatus
    name: str
    plugin: Ref
    project: Ref
    model: Ref
    step: str
    engine: str | None
    agent_id: str | None
    stop_requested: bool
    reason: str | None
    message: str | None
    exit_code: int | None
    lines_read: int
    events_count: int
    result_project_id: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress | None
    metrics: list[LastMetric]
    checkpoints: int


class Options(Out):
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


class TaskDetail(TaskCard):
    config: dict[str, Any]
    options: Options
    container_id: str | None
    container_spec: dict[str, Any] | None
    image_digest: str | None


class TaskList(Out):
    items: list[TaskCard]
    next: int | None = Field(description="the cursor of the next page; null on the last one")


class NewOptions(In):
    """How the task is run. What is left out follows the agent's settings."""

    engine: Literal["auto", "docker", "process"] | None = None
    gpus: Annotated[str, Field(pattern=r"^(auto|none|all|[0-9]+(,[0-9]+)*)$")] | None = None
    pull: Literal["missing", "always", "never"] | None = None
    writable_data: bool = False
    stop_grace_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    memory_bytes: Annotated[int, Field(ge=6 << 20, le=2**60)] | None = None
    hardened: bool | None = None
    time_limit_s: Annotated[float, Field(ge=1, le=1e8, description="from the task's start")] | None = None
    idle_limit_s: Annotated[float, Field(ge=1, le=1e8, description="without a line of output")] | None = None
    env: Annotated[dict[str, str], AfterValidator(_storable)] = Field(default_factory=dict)

    def over(self, engine: str, gpus: str, pull: str, *, hardened: bool) -> TaskOptions:
        """The options of the task, given the settings' words for what was left out."""
        return TaskOptions(
            engine=self.engine or engine,
            gpus=self.gpus or gpus,
            pull=self.pull or pull,
            writable_data=self.writable_data,
            stop_grace_s=self.stop_grace_s,
            memory_bytes=self.memory_bytes,
            hardened=hardened if self.hardened is None else self.hardened,
            time_limit_s=self.time_limit_s,
            idle_limit_s=self.idle_limit_s,
            env=self.env,
        )


Reference = Annotated[Id | Annotated[str, Field(min_length=1, max_length=500)], AfterValidator(_storable)]


class NewTask(In):
    """A wish. Plugin, project and model by id or name; a config, or a preset's title, or the first preset."""

    type: TaskType
    plugin: Reference
    project: Reference
    model: Reference
    name: Annotated[str, Field(max_length=255), AfterValidator(_storable)] | None = None
    config: Annotated[dict[str, Any], AfterValidator(_storable)] | None = None
    preset: str | None = None
    overrides: Annotated[list[str], AfterValidator(_storable)] = Field(default_factory=list, examples=[["lr=0.001"]])
    options: NewOptions = Field(default_factory=NewOptions)


class Event(Out):
    seq: int
    time: datetime
    stream: Literal["agent", "stdout", "stderr"]
    level: str
    message: str
    event_type: str | None
    body: dict[str, Any] | None
    fields: dict[str, Any] | None
    parse_error: str | None
    raw: str | None = None


class EventList(Out):
    items: list[Event]
    next: int | None = Field(description="`after` (or `before`) of the next page; null when this is the end for now")


class Series(Out):
    id: int
    kind: str
    name: str
    count: int
    last_epoch: float | None
    last_value: float | None
    last_seq: int


class SeriesList(Out):
    items: list[Series]


class ChartSeries(Out):
    """Points in the order of x; `y` is null where a value is not a number. `shown` of `in_window` are here."""

    id: int
    kind: str
    name: str
    count: int
    in_window: int
    shown: int
    gaps: int
    exact: bool
    last_seq: int
    x: list[float]
    y: list[float | None]


class ChartData(Out):
    x: Literal["epoch", "step", "time"]
    series: list[ChartSeries]


class ProgressList(Out):
    items: list[Progress]


class Checkpoint(Out):
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


class CheckpointList(Out):
    items: list[Checkpoint]


class Provenance(Out):
    task_id: int | None
    checkpoint_index: int | None
    is_best: bool | None
    optional: dict[str, Any] | None
    plugin_id: int | None
    plugin_image: str | None
    image_digest: str | None
    project_id: int | None
    parent_model_id: int | None
    train_config: dict[str, Any] | None


class Model(Out):
    id: int
    name: str
    description: str
    sha256: str
    size_bytes: int
    config: dict[str, Any] | None
    only_train: bool
    provenance: Provenance
    pinned: bool
    deleted_at: datetime | None = Field(description="in the trash since then")
    download: str
    created_at: datetime
    updated_at: datetime


class ModelList(Out):
    items: list[Model]
    next: int | None


class ModelFile(Out):
    name: str
    size_bytes: int


class ModelFiles(Out):
    items: list[ModelFile]
    count: int = Field(description="files in the tar; `items` are the first of them")
    size_bytes: int = Field(description="of all files, unpacked")


class LineageModel(Out):
    id: int
    name: str
    only_train: bool
    checkpoint_index: int | None
    is_best: bool | None
    task_id: int | None


class LineageTask(Out):
    task: TaskCard
    models: list[LineageModel] = Field(description="its checkpoints in the library, newest first")


class Lineage(Out):
    """Where a model comes from and what was made of it."""

    ancestors: list[LineageModel] = Field(description="the parent's line, oldest first")
    made_by: TaskCard | None
    used_by: list[LineageTask] = Field(description="tasks that start from it, newest first")


class Project(Out):
    id: int
    name: str
    description: str
    images_count: int
    size_bytes: int
    content_sha256: str
    task_id: int | None
    created_at: datetime
    updated_at: datetime


class ProjectDetail(Project):
    meta: dict[str, Any]


class Dataset(Out):
    id: int
    project_id: int
    name: str
    images_count: int
    created_at: datetime
    updated_at: datetime


class DatasetList(Out):
    items: list[Dataset]


class Plugin(Out):
    id: int
    title: str
    description: str
    type: str
    image: str
    tag: str
    modes: list[str]
    readme: str
    configs: list[dict[str, Any]]
    image_digest: str | None
    from_folder: bool
    created_at: datetime
    updated_at: datetime


class PluginList(Out):
    items: list[Plugin]


class Agent(Out):
    id: str
    name: str
    info: dict[str, Any]
    last_seen: datetime


class AgentList(Out):
    items: list[Agent]


class Info(Out):
    version: str
    time: datetime
