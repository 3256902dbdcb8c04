"""Task + task folder + settings → ContainerSpec, exactly as the original agent launches it. Pure.

Facts: contract task.md 3. Everything the container gets is decided here, as data that can be printed
(`agent submit-train --dry-run`) and is kept with the task; an engine only obeys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.domain import TASK_MOUNT, WORKDIR, ContainerSpec, Hardening, Mount, Plugin, Task
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.domain import TaskOptions
    from agent.settings import Settings

ECOSYSTEM = "supervisely"  # the original's label, by which its agent finds its own containers

# Compilers of kernels load what they wrote to /tmp, and a plugin may run its own code anyway: so not noexec.
HARDENED_TMPFS = {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=1g"}  # noqa: S108 - a folder in the container


class EngineFacts(Protocol):
    """What a launch depends on; `engines.EngineInfo` is one."""

    @property
    def name(self) -> str: ...
    @property
    def has_nvidia(self) -> bool: ...
    @property
    def can_mount_over(self) -> bool: ...
    @property
    def remark(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def cpus(self) -> int: ...


@dataclass(frozen=True, slots=True)
class GpuChoice:
    """`gpus` and `runtime` as in ContainerSpec; `remark` is the line to say, empty when there is nothing to say."""

    gpus: str | None
    runtime: str | None
    remark: str = ""


def container_spec(
    task: Task,
    plugin: Plugin,
    task_dir_on_host: Path,
    *,
    engine: EngineFacts,
    settings: Settings,
    data_read_only: bool,
) -> ContainerSpec:
    """Everything about this task's container. Raises BadInput for wishes that cannot be read or met.

    `task_dir_on_host` is the task folder as the engine sees it. `data_read_only` is set where `data/`
    shares its files with the library: then it is mounted read-only over the task folder.
    """
    gpu = gpu_choice(_gpu_wish(task, settings), engine)
    hardening = _hardening(engine, settings) if is_hardened(task.options, settings, engine.name) else None
    mounts = [Mount(str(task_dir_on_host), str(TASK_MOUNT))]
    if data_read_only or (hardening and not task.options.writable_data):
        mounts.append(Mount(str(task_dir_on_host / "data"), str(TASK_MOUNT / "data"), read_only=True))
    return ContainerSpec(
        image=plugin.reference,
        entrypoint=("sh", "-c", f"python -u {WORKDIR}/src/{task.type.value}.py"),
        name=f"sly_task_{task.id}_{ecosystem_token(settings)}",
        env={
            "LOG_LEVEL": "DEBUG",
            "LANG": "C.UTF-8",
            **_gpu_env(gpu, engine),
            **(_HARDENED_ENV if hardening else {}),
            **task.options.env,
        },
        labels=labels(task, settings),
        mounts=tuple(mounts),
        shm_bytes=settings.shm_bytes,
        gpus=gpu.gpus,
        runtime=gpu.runtime,
        stop_grace_s=task.options.stop_grace_s,
        plugin_folder=plugin.folder,
        python=task.options.python,
        memory_bytes=task.options.memory_bytes or (_hardened_memory(engine, settings) if hardening else None),
        hardening=hardening,
    )


def is_hardened(options: TaskOptions, settings: Settings, engine: str) -> bool:
    """Whether the task runs in a hardened container. BadInput when the engine has no walls to put around it."""
    hardened = options.hardened or settings.hardened
    if hardened and engine == "process":
        raise BadInput(
            "the process engine cannot run a task hardened, for a process on this machine has no walls around it; "
            "use --engine docker, or leave --hardened and AGENT_HARDENED out"
        )
    return hardened


def labels(task: Task, settings: Settings) -> dict[str, str]:
    """The labels of a task's container, by which an agent finds it again after a crash."""
    return {
        "ecosystem": ECOSYSTEM,
        "ecosystem_token": ecosystem_token(settings),
        "task_id": str(task.id),
    }


def ecosystem_token(settings: Settings) -> str:
    """Tells this installation's containers from any other's on the same engine.

    The original hashes its agent token. Here the place of the task folders goes in as well: two
    installations may share a token and both have a task 1, but never a folder on the engine's host.
    """
    identity = f"{settings.token}\n{settings.tasks_on_host}"
    return f"{ECOSYSTEM}_{hashlib.sha256(identity.encode()).hexdigest()}"


def choose_engine(wanted_by_task: str, settings: Settings) -> str:
    """`docker`, `process`, or `auto` for whichever answers: the task's wish, else the setting."""
    return wanted_by_task if wanted_by_task != "auto" else settings.engine


def gpu_choice(wanted: str, engine: EngineFacts) -> GpuChoice:
    """Which GPUs a container gets. `wanted` is auto, none, all, or device ids like `0,2` or GPU-<uuid>.

    The original always asks for the nvidia runtime and leaves the choice to it, which shows all GPUs to
    CUDA images and none to others; a device request shows them to every image. An explicit wish is
    passed on even when the runtime is not listed: the engine may have the hook alone, and says it if not.
    """
    wish = wanted.strip()
    runtime = "nvidia" if engine.has_nvidia and engine.name != "process" else None
    match wish.lower():
        case "none":
            return GpuChoice(None, None)
        case "all":
            return GpuChoice("all", runtime)
        case "auto" | "":
            if engine.has_nvidia:
                return GpuChoice("all", runtime)
            where = "this machine has no NVIDIA GPU" if engine.name == "process" else "the engine has no NVIDIA runtime"
            return GpuChoice(None, None, f"No GPU: {where}, so the plugin computes on the CPU.")
    ids = [part.strip() for part in wish.split(",")]
    if not all(part.isdigit() or part.startswith(("GPU-", "MIG-")) for part in ids):
        raise BadInput(f"gpus={wanted!r} is not a choice of GPUs; write auto, none, all, or device ids like 0,2")
    return GpuChoice(",".join(ids), runtime)


def remarks(task: Task, engine: EngineFacts, settings: Settings) -> tuple[str, ...]:
    """What whoever submitted should know about how this task is run: one sentence each, often none."""
    gpu = gpu_choice(_gpu_wish(task, settings), engine)
    return tuple(line for line in (gpu.remark, engine.remark) if line)


def as_json(spec: ContainerSpec) -> dict[str, Any]:
    """The spec as JSON data, for `--dry-run` and the record."""
    data = asdict(spec)
    data["entrypoint"] = list(spec.entrypoint)
    data["mounts"] = list(data["mounts"])
    return data


# The user has no entry in the image's /etc/passwd and no folder there that it may write to.
_HARDENED_ENV = {"HOME": "/tmp", "USER": "plugin"}  # noqa: S108 - in the container


def _hardening(engine: EngineFacts, settings: Settings) -> Hardening:
    cpus = settings.hardened_cpus or max(1, engine.cpus - 1)
    return Hardening(
        user=engine.owner,
        pids=settings.hardened_pids,
        cpus=min(cpus, engine.cpus) if engine.cpus else cpus,  # the engine refuses more than it has
        tmpfs=HARDENED_TMPFS,
    )


def _hardened_memory(engine: EngineFacts, settings: Settings) -> int | None:
    return settings.hardened_memory_bytes or engine.memory_bytes * 3 // 4 or None


def _gpu_wish(task: Task, settings: Settings) -> str:
    return task.options.gpus if task.options.gpus != "auto" else settings.gpus


def _gpu_env(gpu: GpuChoice, engine: EngineFacts) -> Mapping[str, str]:
    """What makes the choice hold where no device request does: in processes, and under a default nvidia runtime."""
    if engine.name == "process":
        if gpu.gpus == "all":
            return {}
        hidden = {"CUDA_VISIBLE_DEVICES": gpu.gpus or ""}
        return hidden if engine.has_nvidia or gpu.gpus else {}
    if gpu.gpus is None and engine.has_nvidia:
        return {"NVIDIA_VISIBLE_DEVICES": "void"}
    return {}
