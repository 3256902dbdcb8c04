"""What was found out about an installation and its machine, as plain values. Where looking failed stands why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class DockerFacts:
    host: str  # URL
    version: str
    api_version: str
    system: str
    cpus: int
    memory_bytes: int
    has_nvidia: bool  # the runtime
    limits: Mapping[str, bool]  # cgroup limits by name (memory, pids, ...): whether the engine can set them
    cgroup: str  # version and driver
    is_rootless: bool
    ahead_s: float  # the engine's clock less ours


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    system: str
    no_private_view: str  # why a plugin gets no /sly_task_data of its own; empty: it does


@dataclass(frozen=True, slots=True)
class EngineFacts:
    setting: str  # auto, docker, process
    docker: DockerFacts | str  # str: why it does not answer
    process: ProcessFacts
    gpus_setting: str
    gpus: tuple[str, ...]  # names of the NVIDIA GPUs this machine shows


@dataclass(frozen=True, slots=True)
class Disk:
    """A place we write to. `trouble` says why nothing could be written there; empty when it could."""

    what: str  # "home", "store", "artifacts", "task folders"
    folder: str
    device: int
    kind: str  # ext4, nfs, ...; empty: unknown
    free_bytes: int
    free_files: int | None  # None: the file system does not count
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    disks: tuple[Disk, ...]
    min_free_bytes: int
    placing: str  # how a task folder gets the library's images: reflink, hardlink, copy; empty: could not be tried


@dataclass(frozen=True, slots=True)
class PermissionFacts:
    user: int
    home_owner: int | None
    home_mode: int | None  # permission bits
    token_mode: int | None  # None: no such file
    fanotify: str  # why directory openings cannot be watched; empty: they can
    inotify: str  # why new files cannot be watched; empty: they can


@dataclass(frozen=True, slots=True)
class VersionFacts:
    program: str
    python: tuple[int, int, int]
    system: str
    packages: Mapping[str, str]  # installed, by name
    wrong: tuple[str, ...]  # one clause each: "docker 6.0 instead of >=7.1,<8"


class Port(StrEnum):
    FREE = "free"
    OURS = "ours"  # a page of this program answers there
    TAKEN = "taken"
    FORBIDDEN = "forbidden"  # cannot be listened on: `said`


@dataclass(frozen=True, slots=True)
class WebFacts:
    host: str
    number: int
    port: Port
    said: str = ""
    exposure: str = ""  # what listening there means; empty on the loopback
    refused: str = ""  # why the server would not listen there at all


@dataclass(frozen=True, slots=True)
class ClockFacts:
    now_s: float  # Unix time
    newest_s: float | None  # of what the store remembers
    jumped_s: float  # how much more the wall clock went than time itself, while we looked


@dataclass(frozen=True, slots=True)
class StoreFacts:
    name: str  # its file or URL without password
    trouble: str = ""  # why it cannot be opened; then the rest is unknown
    revision: str = ""
    newest_revision: str = ""
    damage: tuple[str, ...] = ()  # what the database's own check says
    models: int = 0  # looked at
    models_without_bytes: tuple[int, ...] = ()
    artifacts_trouble: str = ""


@dataclass(frozen=True, slots=True)
class LeftoverFacts:
    containers: int = 0  # of tasks that have ended
    folders: int = 0
    lost_tasks: tuple[int, ...] = ()  # nobody runs them
    queued: int = 0
    agents_taking: int = 0  # agents alive that take what is queued


@dataclass(frozen=True, slots=True)
class Facts:
    engine: EngineFacts
    disk: DiskFacts
    permissions: PermissionFacts
    versions: VersionFacts
    web: WebFacts
    clock: ClockFacts
    store: StoreFacts
    leftovers: LeftoverFacts | None = None  # None: the store could not be asked
