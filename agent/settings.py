"""Settings: their names, types and defaults. `configuration.py` reads them, from AGENT_* variables and agent.toml.

A variable is named as the field, in upper case and with the prefix; the file has the names as they are here
(`engine = "process"`). Sizes are bytes unless the value carries a unit (`1G`).
"""

from __future__ import annotations

import math
import os
import pwd
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import SplitResult, urlsplit

from agent.errors import Invalid, Problem
from agent.keep_policy import parse_keep
from agent.needs import read_labels
from agent.setting_types import Reader, checked, folder, number, or_none, reader_of, whole, whole_path

_MOST_BYTES = 1 << 62
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_NO_URL = "it is no URL; in a user and a password write / as %2F, ? as %3F, # as %23 and @ as %40"


def size_bytes(text: str) -> int:
    """`"1G"` → 1073741824, in docker's spelling of sizes. Raises ValueError with the sentence to show."""
    number = text.strip().lower().removesuffix("ib").removesuffix("b")
    unit = number[-1:] if number[-1:] in _UNITS and number[-1:].isalpha() else ""
    try:
        value = float(number.removesuffix(unit)) * _UNITS[unit]
    except ValueError:
        value = math.nan
    if not 0 <= value <= _MOST_BYTES:  # neither is a NaN
        raise ValueError(f"{text!r} is not a size; write a number of bytes or 512M, 1G")
    return int(value)


def _size(text: str) -> str:
    size_bytes(text)
    return text


def _policy(text: str) -> str:
    parse_keep(text)
    return text


def _labels(text: str) -> str:
    read_labels(text)
    return text


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _proxies(text: str) -> str:
    _networks(text)
    return text


def _place(text: str) -> str:
    """A folder, from the root, or the URL of an object store."""
    if "://" not in text:
        return str(whole_path(text)) if text else ""
    _parts(text)
    return text


def _parts(text: str) -> SplitResult:
    """A URL in its parts. ValueError, which quotes no part of it, for one whose password would be taken for a path."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(_NO_URL) from None
    if "::" in text or "@" in parts.path + parts.query + parts.fragment or parts.fragment:
        raise ValueError(_NO_URL)
    return parts


def _server(text: str) -> str:
    """The URL of a server, or nothing."""
    parts = _parts(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
        raise ValueError("it is no URL of a server; write https://host, or http://host:port")
    return text


def image_prefix(text: str) -> str:
    """The first part of images' names, `host:port/path` or a path. ValueError, which quotes no part of it, for another.

    After the grammar of references in the distribution project of OCI.
    """
    if re.fullmatch(_PREFIX, text) is None:
        raise ValueError(
            "it cannot begin the name of an image; write host/path, host:port or a path, without https://, a user "
            "or a slash at the end, with capitals in the host only"
        )
    return text


def _ends(text: str) -> str:
    """Names of final statuses, with commas between. Raises ValueError with the sentence to show."""
    if unknown := [name for name in ends_of(text) if name not in FINAL_NAMES]:
        raise ValueError(
            f"{unknown[0]!r} is no end of a task; write some of {', '.join(FINAL_NAMES)} with commas between"
        )
    return text


def ends_of(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _matching(pattern: str, said: str) -> Callable[[str], str]:
    """Empty, or of this form; else ValueError with the sentence to show."""

    def check(text: str) -> str:
        if text and re.fullmatch(pattern, text) is None:
            raise ValueError(f"{text!r} is no {said}")
        return text

    return check


_PATH = r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
_PREFIX = rf"({_PATH}|[A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]{{1,5}})?|\[[0-9A-Fa-f:]+\](:[0-9]{{1,5}})?)(/{_PATH})*"
_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"  # of an object of Kubernetes
_ONE_OF_MANY = rf"{_NAME}/[A-Za-z0-9][-A-Za-z0-9_.]*"
ObjectName = Annotated[str, checked(_matching(_NAME, "name that Kubernetes knows; write a-z, 0-9, - and ."))]
Cpus = Annotated[str, checked(_matching(r"[0-9]+(\.[0-9]+)?|[0-9]+m", "number of processors; write 4, 0.5 or 500m"))]
Prefix = Annotated[str, checked(image_prefix)]
Resource = Annotated[str, checked(_matching(_ONE_OF_MANY, "resource; write it as `kubectl describe node` lists it"))]
FINAL_NAMES = ("finished", "error", "stopped")
Ends = Annotated[str, checked(_ends)]
Size = Annotated[str, checked(_size)]
SizeOrNone = Annotated[str, checked(lambda text: text and _size(text))]  # empty: none is given
Policy = Annotated[str, checked(_policy)]
Proxies = Annotated[str, checked(_proxies)]
Labels = Annotated[str, checked(_labels)]
Days = Annotated[float, number(0, 36_500)]
DaysOrNone = Annotated[float | None, or_none(number(0, 36_500))]
Count = Annotated[int, whole(0, 100_000)]
Jobs = Annotated[int, whole(1, 100_000)]
Seconds = Annotated[float, number(0.1, 3600)]
Folder = Annotated[Path | None, folder]


def home_folder() -> Path:
    """The folder of the installation. Settings may move parts of it elsewhere. Raises Invalid."""
    given = os.environ.get("AGENT_HOME")
    try:
        return whole_path(given) if given else _user_folder() / ".supervisely-local"
    except ValueError as error:
        problem = Problem("environment", "AGENT_HOME", f"{error}.", "Set AGENT_HOME to a folder of your own.")
        raise Invalid("the configuration", [problem]) from None


def _user_folder() -> Path:
    """The user's own folder: HOME, else as the system knows it. Raises ValueError with the sentence to show."""
    if given := os.environ.get("HOME"):
        return whole_path(given)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise ValueError(f"HOME is not set, and this machine knows no home of the user {os.getuid()}") from None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of an installation. Every field can be set as AGENT_<FIELD>."""

    home: Path = field(default_factory=home_folder)
    store_url: str = ""  # SQLAlchemy URL; empty: SQLite in home
    artifacts_url: Annotated[str, checked(_place)] = ""  # folder or fsspec URL; empty: a folder in home
    artifacts_endpoint: Annotated[str, checked(_server)] = ""  # URL of a server that speaks S3; empty: AWS's own
    cache_size: Size = "20G"  # of the copies of artifacts behind a URL that this machine keeps
    tasks_dir: Folder = None  # task folders as the agent sees them
    tasks_host_dir: Folder = None  # the same folder as the engine sees it (agent in a container)

    engine: Literal["auto", "docker", "process", "apptainer", "pod"] = "auto"  # pod: set in pods, by who makes them
    gpus: str = "auto"  # auto, none, all, or ids: 0,2
    pull: Literal["missing", "always", "never"] = "missing"
    registry: Prefix = "local"  # first part of the names of images built from plugin folders
    push: Literal["auto", "always", "never"] = "auto"  # what is built; auto: to a registry, where the store is shared
    shm_size: Size = "1G"  # as the original agent gives
    hardened: bool = False  # every task runs in a hardened container, as with --hardened
    hardened_memory: SizeOrNone = ""  # of a hardened container; empty: three quarters of the machine's
    hardened_cpus: Annotated[float, number(0, 100_000)] = 0  # 0: all of the machine's but one
    hardened_pids: Annotated[int, whole(16, 1 << 30)] = (
        4096  # processes and threads: loaders and math libraries start many
    )
    apptainer_images: Folder = None  # sandboxes and SIFs for Apptainer, by the names of images
    python: str = ""  # process engine: interpreter for plugins without a .venv of their own

    measure_usage: bool = True  # processor, memory, GPUs, network and disk of running tasks over time

    notify: str = ""  # addresses, as Apprise writes them, to which messages about ended tasks go
    notify_on: Ends = "finished,error,stopped"  # which ends are told
    notify_when: str = ""  # a condition over the metrics of a running task, told once: metrics.val.mean_iou > 0.8

    min_free: Size = "200M"  # of each disk that the agent writes to: a task is ended before less is left
    delete_task_dir_on_finish: bool = True  # as the original; logs/ stays
    delete_task_dir_on_failure: bool = False

    task_images: Size = "2G"  # of the images that a task logs, at most; 0: none is kept

    keep: Policy = ""  # checkpoints of ended trainings: best=3,latest=2,every=10; empty: all of them
    keep_task_dirs_days: DaysOrNone = None  # folders of ended tasks, failed ones too; None: for ever
    keep_logs_days: DaysOrNone = None  # log files of ended tasks; the store has every line anyway
    keep_images_days: DaysOrNone = None  # images built here
    trash_days: Days = 7  # how long a deleted model can be restored

    # Of `agent run --cluster slurm` (docs/reference/clusters.md).
    slurm_partition: str = ""
    slurm_account: str = ""
    slurm_qos: str = ""
    slurm_gres: str = ""  # GPUs of a job, as Slurm writes them: gpu:1; empty: none are asked for
    slurm_cpus: Count = 0  # of a job; 0: as the partition gives
    slurm_memory: SizeOrNone = ""  # of a job whose task has no limit; empty: as the partition gives
    slurm_time: str = ""  # limit of a job whose task has no time limit, as Slurm writes it: 1-12:00:00
    slurm_options: str = ""  # further options of sbatch, as in a shell
    slurm_agent: str = ""  # the command of the agent on the nodes; empty: this agent's own
    slurm_home: str = ""  # home of the agent on a node; empty: a folder on the node's own disk
    slurm_logs: Folder = None  # logs of jobs, on a disk that nodes and controller share; None: a folder in home
    slurm_jobs: Jobs = 100  # that wait or run at the same time, at most
    slurm_poll: Seconds = 5  # seconds between two questions to Slurm

    # Of `agent run --cluster kubernetes` (docs/reference/kubernetes.md).
    kubernetes_image: str = ""  # of this agent, for the pods
    kubernetes_context: str = ""  # of the kubeconfig; empty: its current one, or the pod's own account
    kubernetes_namespace: ObjectName = ""  # empty: the context's
    kubernetes_cpus: Cpus = ""  # that a plugin asks for, as Kubernetes writes them: 4, 500m
    kubernetes_memory: SizeOrNone = ""  # of a plugin whose task has no limit
    kubernetes_gpu: Resource = "nvidia.com/gpu"  # the name of the resource
    kubernetes_gpus: Annotated[int, whole(0, 1024)] = 0  # of a task that does not say how many
    kubernetes_service_account: ObjectName = ""  # of the pods; they get no token of it
    kubernetes_pull_secrets: str = ""  # names, with commas between
    kubernetes_queue: ObjectName = ""  # of Kueue, where it is installed
    kubernetes_template: Folder = None  # a YAML file that is merged over each pod
    kubernetes_jobs: Jobs = 100  # that wait or run at the same time, at most
    kubernetes_poll: Seconds = 5  # seconds between two looks at all pods

    name: str = field(default_factory=lambda: os.uname().nodename)  # this agent's name in the list
    labels: Labels = ""  # of this node, for tasks that ask for some with --on: zone=lab,gpu=a100
    token: str = ""  # the web's token; empty: made once and kept in home/token
    web_host: str = "127.0.0.1"
    web_port: Annotated[int, whole(0, 65535)] = 8120
    web_hosts: str = ""  # further host names the web answers to, with commas between
    models_url: Annotated[str, checked(_server)] = ""  # of the web, as deployed models reach it; empty: worked out
    models_bridge: bool = True  # a web on loopback also serves deployed models in Docker's default network
    trusted_proxies: Proxies = ""  # addresses and networks whose X-Forwarded-* headers are believed, commas between
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"  # of the agent's own log, on stderr

    @property
    def store(self) -> str | Path:
        """A URL, or the file itself: a path may hold characters that mean something in a URL."""
        return self.store_url or self.home / "store.db"

    @property
    def artifacts(self) -> str:
        return self.artifacts_url or str(self.home / "artifacts")

    @property
    def artifacts_cache(self) -> Path:
        """What this machine keeps of artifacts behind a URL."""
        return self.home / "artifacts-cache"

    @property
    def tasks(self) -> Path:
        return self.tasks_dir or self.home / "tasks"

    @property
    def builds(self) -> Path:
        """How the images of plugins were built, a file each."""
        return self.home / "builds"

    @property
    def tasks_on_host(self) -> Path:
        return self.tasks_host_dir or self.tasks

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return _networks(self.trusted_proxies)

    @property
    def cache_bytes(self) -> int:
        return size_bytes(self.cache_size)

    @property
    def min_free_bytes(self) -> int:
        return size_bytes(self.min_free)

    @property
    def hardened_memory_bytes(self) -> int | None:
        return size_bytes(self.hardened_memory) if self.hardened_memory else None

    @property
    def slurm_memory_bytes(self) -> int | None:
        return size_bytes(self.slurm_memory) if self.slurm_memory else None

    @property
    def task_images_bytes(self) -> int:
        return size_bytes(self.task_images)

    @property
    def shm_bytes(self) -> int:
        return size_bytes(self.shm_size)


SETTINGS = tuple(setting.name for setting in fields(Settings))


@cache
def _readers() -> Mapping[str, Reader]:
    hints = get_type_hints(Settings, include_extras=True)
    return {name: reader_of(hints[name]) for name in SETTINGS if name != "home"}


def read_settings(given: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """What was given for settings by name, read, and what is refused: the sentence of each, in the order of fields."""
    values, refused = dict[str, Any](), dict[str, str]()
    for name, reader in _readers().items() if given else ():
        if name in given:
            try:
                values[name] = reader(given[name])
            except ValueError as error:
                refused[name] = str(error)
    return values, refused
