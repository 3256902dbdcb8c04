"""The vocabulary: tasks, models, projects, plugins, checkpoints, containers. Pure.

Names of statuses, steps and events are the public ones of the official SDK (contract: task.md 4, 5).
Every value is immutable; a change makes a new value. Times are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import Any

TASK_MOUNT = PurePosixPath("/sly_task_data")  # where every plugin looks, hard-coded in real ones
# Images with such a name were built on a machine and are in no registry. They are never pulled: the account of that
# name on a public registry is not ours.
LOCAL_IMAGES = "local/"
NODE_LOST = "node_lost"  # the reason of what ended because its node was declared lost, or failed on a cluster
WORKDIR = PurePosixPath("/workdir")  # where the official Dockerfiles put plugin and SDK


class TaskType(StrEnum):
    TRAIN = "train"
    INFERENCE = "inference"
    DEPLOY = "deploy"  # a model that answers requests until it is stopped; it has no project

    @classmethod
    def _missing_(cls, value: object) -> TaskType | None:
        """The names that official clients and agents have for a deployed model."""
        return cls.DEPLOY if value in ("infer_rpc", "inference_rpc") else None


class TaskStatus(StrEnum):
    QUEUED = "queued"
    CONSUMED = "consumed"  # an agent has claimed it
    STARTED = "started"
    DEPLOYED = "deployed"
    TERMINATING = "terminating"  # stop was asked for, the container is still there
    FINISHED = "finished"
    ERROR = "error"
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({TaskStatus.FINISHED, TaskStatus.ERROR, TaskStatus.STOPPED})

_NEXT: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.QUEUED: frozenset({TaskStatus.CONSUMED, TaskStatus.STOPPED, TaskStatus.ERROR}),
    TaskStatus.CONSUMED: frozenset(
        {TaskStatus.STARTED, TaskStatus.TERMINATING, TaskStatus.STOPPED, TaskStatus.ERROR, TaskStatus.QUEUED}
    ),
    # Back to the queue: this machine cannot run the task now.
    TaskStatus.STARTED: frozenset({TaskStatus.QUEUED, TaskStatus.DEPLOYED, TaskStatus.TERMINATING, *FINAL}),
    TaskStatus.DEPLOYED: frozenset({TaskStatus.TERMINATING, *FINAL}),
    TaskStatus.TERMINATING: FINAL,
}


def may_become(current: TaskStatus, wanted: TaskStatus) -> bool:
    """Whether a task may go from `current` to `wanted`. Final statuses never change."""
    return wanted in _NEXT.get(current, frozenset())


def engine_wanted(asked: str, setting: str, plugin: Plugin) -> str:
    """The engine that a queued task needs: docker, process, apptainer, or auto, which is one of the first two.

    `asked` is the task's option; auto leaves the engine to the settings of the agent. A plugin that is known by its
    image only needs docker; on another node than that of its folder it is (`Plugin.on`).
    """
    engine = setting if asked == "auto" else asked
    return "docker" if engine == "auto" and plugin.folder is None else engine


def can_have(plugin: Plugin, node: str | None, engine: str) -> bool:
    """Whether a node can have what a task of this plugin runs: its folder, or its image. Pure.

    `engine` is the one of `engine_wanted`. Processes need the folder itself, which only one node has.
    """
    return plugin.is_of(node) or (plugin.is_shared and engine != "process")


def is_only_kept(plugin: Plugin) -> bool:
    """Whether its image is in the artifacts and in no registry: Kubernetes, which pulls by itself, cannot have it."""
    return plugin.kept_bytes is not None and plugin.pushed is None


class Step(IntEnum):
    """Steps in their order; a task that resumes skips what is complete (contract: task.md 4)."""

    NOTHING = 0
    DOWNLOAD = 1
    MAIN = 2
    UPLOAD = 3


class CheckpointState(StrEnum):
    SNAPSHOT = "snapshot"  # its files are safe from the plugin, not yet packed
    PUBLISHED = "published"  # a model state that can be downloaded and used
    FAILED = "failed"  # `reason` says why


# ---------------------------------------------------------------- library


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin version this store knows. `folder` is set when it was added from source."""

    id: int
    title: str
    description: str
    type: str
    image: str  # without tag
    tag: str
    modes: tuple[str, ...]
    readme: str
    configs: tuple[Mapping[str, Any], ...]  # predefined_run_configs.json, in display order
    image_digest: str | None
    folder: str | None  # absolute path on the agent's machine
    content_sha256: str | None  # of the folder; None for a plugin added by its image
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None  # in the trash since then
    node: str | None = None  # the id of the node that has its folder or its image; None: every node can get it
    config_schemas: Mapping[str, Any] = field(default_factory=dict)  # config_schema.json, by kind of task
    pushed: str | None = None  # the image `image_digest` in a registry, by digest: `host/nn-unet@sha256:…`
    kept_bytes: int | None = None  # of the image `image_digest` in the artifacts; None: it is not kept there

    @property
    def reference(self) -> str:
        return f"{self.image}:{self.tag}"

    @property
    def is_shared(self) -> bool:
        """Whether every node can get its image: from a registry, or from the artifacts."""
        return self.pushed is not None or self.kept_bytes is not None

    def is_of(self, node: str | None) -> bool:
        """Whether the node has what the plugin was added from, or every node has."""
        return node is None or self.node in (None, node)

    def on(self, node: str | None) -> Plugin:
        """The plugin as this node has it: a folder of another node is not there."""
        return self if self.is_of(node) else replace(self, folder=None)


@dataclass(frozen=True, slots=True)
class ImageBlob:
    """A part of a plugin's image as the artifacts keep it: its config, or a layer as an uncompressed tar.

    The sha256 of the config is the image's id, and the config names the sha256 of each layer.
    """

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Project:
    """A project in the library; its images are blobs, its annotations are kept verbatim."""

    id: int
    name: str
    description: str
    meta: Mapping[str, Any]
    content_sha256: str  # of names, image hashes, annotations and meta: the same folder is imported once
    images_count: int
    size_bytes: int
    task_id: int | None  # the inference task that made it
    created_at: datetime
    updated_at: datetime
    extra: Mapping[str, Any] = field(default_factory=dict)  # settings, customData and readme a client gave it
    notes: str = ""  # Markdown
    tags: tuple[str, ...] = ()
    deleted_at: datetime | None = None  # in the trash since then


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset. The name of a dataset in another dataset begins with the name of the other: `ds1/sub`."""

    id: int
    project_id: int
    name: str
    images_count: int
    created_at: datetime
    updated_at: datetime
    description: str = ""

    @property
    def title(self) -> str:
        """Its own name, without those of the datasets in which it lies."""
        return self.name.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The name of the dataset in which it lies; empty for a dataset of the project itself."""
        return self.name.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Image:
    id: int
    dataset_id: int
    name: str  # with extension
    sha256: str  # hex, of the blob in artifacts
    size_bytes: int
    width: int
    height: int
    mime: str
    annotation: str  # JSON text exactly as imported
    created_at: datetime
    updated_at: datetime
    meta: Mapping[str, Any] | None = None  # facts about the image that a client added


@dataclass(frozen=True, slots=True)
class NewImage:
    name: str
    sha256: str
    size_bytes: int
    width: int
    height: int
    mime: str
    annotation: str
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewProject:
    name: str
    description: str
    meta: Mapping[str, Any]
    content_sha256: str
    datasets: Sequence[tuple[str, Sequence[NewImage]]]
    task_id: int | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model state came from; every field may be unknown."""

    task_id: int | None = None
    checkpoint_index: int | None = None
    is_best: bool | None = None
    optional: Mapping[str, Any] | None = None
    plugin_id: int | None = None
    plugin_image: str | None = None  # with tag
    image_digest: str | None = None
    project_id: int | None = None
    parent_model_id: int | None = None
    train_config: Mapping[str, Any] | None = None  # the task's config as submitted


@dataclass(frozen=True, slots=True)
class NewModel:
    name: str
    sha256: str  # hex, of the tar in artifacts
    size_bytes: int
    config: Mapping[str, Any] | None  # config.json of the state
    only_train: bool = False
    description: str = ""
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, slots=True)
class Model:
    id: int
    name: str
    description: str
    sha256: str
    size_bytes: int
    config: Mapping[str, Any] | None
    only_train: bool
    provenance: Provenance
    created_at: datetime
    updated_at: datetime
    upload_hash: str | None = None  # the word a client was given to upload it under
    pinned: bool = False  # kept whatever the policy says
    deleted_at: datetime | None = None  # in the trash since then
    notes: str = ""  # Markdown
    tags: tuple[str, ...] = ()


# ---------------------------------------------------------------- tasks


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How a task is run. `task_options` makes it of what was asked for; stored rows may hold `auto`."""

    engine: str = "auto"  # auto, docker, process; auto: the setting of the agent that runs the task
    gpus: str = "auto"  # auto, none, all, or device ids "0,2"; auto as for the engine
    pull: str = "missing"  # missing, always, never
    writable_data: bool = False  # stage data/ as private copies the plugin may write to
    python: str | None = None  # process engine: the interpreter of the plugin's virtual environment
    stop_grace_s: float = 0.0  # 0: kill at once, as the original does
    memory_bytes: int | None = None  # limit, swap included; None: the engine's default
    hardened: bool = False  # in a container with every restriction that the engine offers
    time_limit_s: float | None = None  # wall time from the task's start; None: no limit
    idle_limit_s: float | None = None  # without any output; None: no limit
    env: Mapping[str, str] = field(default_factory=dict)
    on: Mapping[str, str] = field(default_factory=dict)  # labels that a node must have
    evaluate: bool = True  # of an inference: its predictions are judged where the project is labelled
    restarts: int = 0  # how often another attempt may follow one whose node, or job on a cluster, was lost


@dataclass(frozen=True, slots=True)
class NewTask:
    type: TaskType
    name: str  # of the result: network (train) or project (inference)
    plugin_id: int
    project_id: int | None  # None: of a deployed model
    model_id: int
    config: Mapping[str, Any]  # written verbatim to task_config.json, key order kept
    options: TaskOptions = field(default_factory=TaskOptions)


@dataclass(frozen=True, slots=True)
class Task:
    id: int
    type: TaskType
    status: TaskStatus
    name: str
    plugin_id: int
    project_id: int | None  # None: of a deployed model
    model_id: int
    config: Mapping[str, Any]
    options: TaskOptions
    step: Step  # last complete step
    engine: str | None  # the engine that runs it
    container_id: str | None
    container_spec: Mapping[str, Any] | None  # as launched, for the record
    image_digest: str | None
    stop_requested: bool
    reason: str | None  # why it ended: "finished", "plugin_exit", ... (docs/reference/tasks.md)
    message: str | None  # a sentence for a person
    exit_code: int | None  # of the container
    lines_read: int  # container lines numbered so far: the reading position after a crash
    events_count: int
    agent_id: str | None
    result_project_id: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    archived_at: datetime | None = None  # left out of lists since then
    deleted_at: datetime | None = None  # in the trash since then
    tags: tuple[str, ...] = ()
    notes: str = ""  # Markdown
    node: str | None = None  # the id of the node whose agent has it; None: nobody has, or an agent of an older release
    attempt: int = 1  # a task whose node was lost may be run again
    only_for: str | None = None  # the name of the agent that must run it; None: any


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run of a task, from the launch of its container on."""

    number: int  # from 1 on
    first_seq: int  # its first event may have this number, none before it
    model_id: int  # it starts from this one: the task's, or a checkpoint of the attempt before
    node: str | None  # the id of the node that launched it
    agent_id: str | None
    started_at: datetime | None  # None: it waits in the queue
    ended_at: datetime | None
    reason: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint the plugin reported. Known by (task_id, seq): `index` may repeat in odd plugins."""

    id: int
    task_id: int
    seq: int  # of the event that reported it
    index: int
    subdir: str  # as the plugin wrote it
    size_bytes: int  # as the plugin wrote it
    is_best: bool
    optional: Mapping[str, Any] | None
    state: CheckpointState
    reason: str | None
    model_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewTaskImage:
    """An image that a task logged, or left in results/ (then without `seq` and `step`)."""

    seq: int | None  # of the line that asked to keep it
    name: str
    step: float | None
    path: str  # below results/
    sha256: str  # hex, of the file in artifacts
    size_bytes: int
    width: int  # in pixels, upright
    height: int
    mime: str
    caption: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskImage(NewTaskImage):
    id: int
    task_id: int
    created_at: datetime


# ---------------------------------------------------------------- containers


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine as it describes itself: all that a container's specification depends on."""

    name: str  # "docker", "process", "apptainer" or "pod"
    version: str
    has_nvidia: bool  # the nvidia runtime, or for processes: CUDA devices on this machine
    can_mount_over: bool  # whether `data/` can be mounted read-only over the task folder
    remark: str = ""  # how this engine differs from the usual, one sentence for the person who submits
    owner: str = "0:0"  # uid:gid of the user in a container that owns the files this agent makes
    memory_bytes: int = 0  # of the engine's machine; 0: unknown
    cpus: int = 0  # of the engine's machine; 0: unknown
    is_local: bool = True  # whether the engine's machine is this one


@dataclass(frozen=True, slots=True)
class Mount:
    source: str  # on the engine's host
    target: str  # in the container
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Hardening:
    """The restrictions of a hardened container, without its memory limit (docs/reference/engines.md)."""

    user: str  # uid:gid that owns the task folder, as seen in the container: without capabilities only the owner writes
    pids: int
    cpus: float
    tmpfs: Mapping[str, str]  # folder → mount options: the writable folders other than the task folder
    network: str = "none"
    drop_capabilities: tuple[str, ...] = ("ALL",)
    read_only_root: bool = True
    new_privileges: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything about a container, as data. `run/container_spec.py` makes it, an engine obeys it."""

    image: str
    entrypoint: tuple[str, ...]
    name: str
    env: Mapping[str, str]
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    shm_bytes: int
    gpus: str | None  # None: no device request; "all" or "0,2"
    runtime: str | None  # "nvidia" where the engine has it, else None: the engine's default
    stop_grace_s: float = 0.0
    plugin_folder: str | None = None  # process engine: becomes /workdir
    python: str | None = None  # process engine: interpreter; None: the folder's .venv, the setting, the agent's own
    memory_bytes: int | None = None  # limit, swap included; None: the engine's default
    hardening: Hardening | None = None  # None: as the original agent starts containers


@dataclass(frozen=True, slots=True)
class ExitResult:
    """How a container ended. `exit_code` is 128 + signal when a signal ended it."""

    exit_code: int
    out_of_memory: bool = False
    error: str = ""  # the engine's own explanation; often empty
    remark: str = ""  # what somebody else did to the container, a sentence for its log
    lost: str = ""  # why output is missing that the container printed, a sentence; empty: all of it was read

    @property
    def signal(self) -> int | None:
        return self.exit_code - 128 if 128 < self.exit_code < 192 else None
