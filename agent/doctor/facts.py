"""The facts about an installation and its machine, as plain values. Where a probe failed, its reason is the fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """What is wrong with the configuration, place and sentence with its remedy."""

    file: str  # agent.toml
    refused: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()


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
    ahead_s: float  # the engine's clock less this machine's
    remarks: tuple[tuple[str, str], ...] = ()  # on the docker client's configuration, each with its remedy


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    system: str
    no_private_view: str  # why a plugin gets no /sly_task_data of its own; empty: it does
    obstacle: str = ""  # why no plugin can run at all, with the remedy


@dataclass(frozen=True, slots=True)
class EngineFacts:
    setting: str  # auto, docker, process, apptainer
    docker: DockerFacts | str  # str: why it does not answer
    process: ProcessFacts
    gpus_setting: str
    gpus: tuple[str, ...]  # names of the NVIDIA GPUs this machine shows
    apptainer: str = ""  # its version, where it is the setting
    no_apptainer: str = ""  # why it does not answer, with the remedy


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder the agent writes to. `trouble` says why nothing could be written to it; empty when it could."""

    what: str  # "home", "store", "artifacts", "task folders"
    folder: str
    device: int
    kind: str  # ext4, nfs, ...; empty: unknown
    free_bytes: int
    free_files: int | None  # None: the file system does not count
    trouble: str = ""
    remedy: str = ""  # for the trouble


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
    token_mode: int | None  # None: nothing is there
    fanotify: str  # why directory openings cannot be watched; empty: they can
    inotify: str  # why new files cannot be watched; empty: they can
    token_is_file: bool = True  # or nothing is there


@dataclass(frozen=True, slots=True)
class VersionFacts:
    program: str
    python: tuple[int, int, int]
    system: str
    packages: Mapping[str, str]  # installed, by name
    wrong: tuple[str, ...]  # one clause each: "docker 6.0 instead of >=7.1,<8"


@dataclass(frozen=True, slots=True)
class HalfMadeFacts:
    left: tuple[str, ...]  # what processes that have ended have left half made: "upload", "backup", ...
    size_bytes: int


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
    exposure: str = ""  # who can reach this address; empty on the loopback
    refused: str = ""  # why the server refuses to listen on this address
    models: str = ""  # the URL at which plugins of deployed models reach it; empty: unknown
    no_models: str = ""  # why it is unknown, with the remedy


@dataclass(frozen=True, slots=True)
class ClockFacts:
    now_s: float  # Unix time
    newest_s: float | None  # Unix time: the latest in the store
    jumped_s: float  # how much further the wall clock went than the monotonic clock, while the probes ran


@dataclass(frozen=True, slots=True)
class StoreFacts:
    name: str  # its file, or its URL without the password
    is_made: bool = True  # False: there is no database yet, and the rest is unknown
    is_half_restored: bool = False  # there is none because a restore was killed
    trouble: str = ""  # why it cannot be opened; then the rest is unknown
    revision: str = ""
    newest_revision: str = ""
    damage: tuple[str, ...] = ()  # found by the database's own check
    models: int = 0  # how many were checked
    models_without_bytes: tuple[int, ...] = ()
    images_kept: int = 0  # of plugins
    images_without_bytes: tuple[int, ...] = ()  # ids of plugins: a part of what is kept of their image is missing
    artifacts_trouble: str = ""


@dataclass(frozen=True, slots=True)
class OrphanFacts:
    containers: int = 0  # of tasks that have ended
    folders: int = 0  # of tasks that have ended
    lost_tasks: tuple[int, ...] = ()  # have not ended, and no agent runs them
    queued: int = 0  # tasks
    agents_taking: int = 0  # agents that are alive and take queued tasks


@dataclass(frozen=True, slots=True)
class Facts:
    """None: the probe failed, and `failures` says why; for `orphans` also: the store cannot be asked."""

    engine: EngineFacts | None
    disk: DiskFacts | None
    permissions: PermissionFacts | None
    versions: VersionFacts | None
    web: WebFacts | None
    clock: ClockFacts
    store: StoreFacts | None
    orphans: OrphanFacts | None = None
    half_made: HalfMadeFacts | None = None
    failures: Mapping[str, str] = field(default_factory=dict)  # by the name of the probe: mistakes of this program
    refusals: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # the same: the system's, with the remedies
