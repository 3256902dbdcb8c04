"""How a task is run: from the options asked for to the options of its container. Pure.

Options are resolved in two steps. `resolve_options`, when the task is submitted, fills gaps in the request from the
settings; its result is stored with the task. `launch_options`, when an agent starts the task, resolves the options that
depend on the engine: `auto`, and the limits of a hardened container. Web and agent may have different settings (two
services, two machines), so a stored `auto` means the setting of the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.domain import EngineInfo, Hardening, TaskOptions
from agent.errors import BadInput
from agent.fs.names import read_number
from agent.needs import is_label

if TYPE_CHECKING:
    from agent.settings import Settings

ENGINES = ("auto", "docker", "process", "apptainer")
PULLS = ("missing", "always", "never")
MOST_RESTARTS = 100
_GPU_NAMES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")

# Not noexec: compilers of kernels load the code they wrote to /tmp, and a plugin may run its own code anyway.
HARDENED_TMPFS = {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=1g"}  # noqa: S108 - a folder in the container

# The user has no entry in the image's /etc/passwd and no folder in the image that it may write to.
HARDENED_ENV = {"HOME": "/tmp", "USER": "plugin"}  # noqa: S108 - in the container


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedOptions:
    """The options of a task as asked for. None leaves the choice to the settings."""

    engine: str | None = None  # auto, docker, process, apptainer
    gpus: str | None = None  # auto, none, all, or device ids "0,2"
    pull: str | None = None  # missing, always, never
    writable_data: bool = False
    python: str | None = None  # None: the plugin's own .venv, else the setting of the agent
    stop_grace_s: float = 0.0
    memory_bytes: int | None = None
    hardened: bool | None = None
    time_limit_s: float | None = None
    idle_limit_s: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    on: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0
    evaluate: bool = True  # of an inference: judge its predictions where the project is labelled


def resolve_options(asked: RequestedOptions, settings: Settings) -> TaskOptions:
    """The options to store with a task. Raises BadInput for a value that no engine could follow."""
    options = TaskOptions(
        engine=asked.engine or settings.engine,
        gpus=(asked.gpus or settings.gpus).strip() or "auto",
        pull=asked.pull or settings.pull,
        writable_data=asked.writable_data,
        python=asked.python,
        stop_grace_s=asked.stop_grace_s,
        memory_bytes=asked.memory_bytes,
        hardened=bool(asked.hardened) or settings.hardened,  # a task may add restrictions, never drop them
        time_limit_s=asked.time_limit_s,
        idle_limit_s=asked.idle_limit_s,
        env=dict(asked.env),
        on=dict(asked.on),
        restarts=asked.restarts,
        evaluate=asked.evaluate,
    )
    if not 0 <= options.restarts <= MOST_RESTARTS:
        raise BadInput(f"restarts={options.restarts} is not a number of restarts; write 0 to {MOST_RESTARTS}")
    if wrong := next((f"{name}={value}" for name, value in options.on.items() if not is_label(name, value)), None):
        raise BadInput(f"on {wrong!r} is not a label; write for instance zone=lab")
    if options.engine not in ENGINES:
        raise BadInput(f"there is no engine {options.engine!r}; write auto, docker, process or apptainer")
    if options.pull not in PULLS:
        raise BadInput(f"pull={options.pull!r} is not a choice; write missing, always or never")
    _device_ids(options.gpus)
    is_hardened(options, settings, options.engine)
    return options


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """The options of a task on the engine that runs it: no `auto` is left."""

    gpus: str | None  # as in ContainerSpec
    runtime: str | None  # as in ContainerSpec
    env: Mapping[str, str]
    memory_bytes: int | None
    hardening: Hardening | None
    remarks: tuple[str, ...]  # a sentence each for the person who submitted: how this run differs from the usual


def launch_options(options: TaskOptions, settings: Settings, engine: EngineInfo) -> LaunchOptions:
    """The options on this engine. `settings` are those of the agent that runs the task.

    A task is hardened when its options or the settings of this agent say so. Raises BadInput for options that cannot
    be read, or that this engine cannot follow.
    """
    gpu = gpu_choice(options.gpus if options.gpus != "auto" else settings.gpus, engine)
    hardening = _hardening(engine, settings) if is_hardened(options, settings, engine.name) else None
    return LaunchOptions(
        gpus=gpu.gpus,
        runtime=gpu.runtime,
        env={**_gpu_env(gpu, engine), **(HARDENED_ENV if hardening else {}), **options.env},
        memory_bytes=options.memory_bytes or (_hardened_memory(engine, settings) if hardening else None),
        hardening=hardening,
        remarks=tuple(remark for remark in (gpu.remark, engine.remark) if remark),
    )


# ---------------------------------------------------------------- hardening


def is_hardened(options: TaskOptions, settings: Settings, engine: str) -> bool:
    """Whether the task runs in a hardened container. `engine` is a name, also `auto`. BadInput for all but Docker."""
    hardened = options.hardened or settings.hardened
    if hardened and engine == "process":
        raise BadInput(
            "the process engine cannot run a task hardened, for a process on this machine has no walls around it; "
            "use --engine docker, or leave --hardened and AGENT_HARDENED out"
        )
    if hardened and engine == "apptainer":
        raise BadInput(
            "Apptainer cannot run a task hardened, for it takes neither the network nor processors nor memory from a "
            "plugin without the rights of root; use --engine docker, or leave --hardened and AGENT_HARDENED out"
        )
    if hardened and engine == "pod":
        raise BadInput(
            "the agent cannot harden a plugin's container in a pod, which Kubernetes has made before; "
            "leave --hardened and AGENT_HARDENED out, or use --engine docker"
        )
    return hardened


def _hardening(engine: EngineInfo, settings: Settings) -> Hardening:
    cpus = settings.hardened_cpus or max(1, engine.cpus - 1)
    return Hardening(
        user=engine.owner,
        pids=settings.hardened_pids,
        cpus=min(cpus, engine.cpus) if engine.cpus else cpus,  # the engine refuses more than it has
        tmpfs=HARDENED_TMPFS,
    )


def _hardened_memory(engine: EngineInfo, settings: Settings) -> int | None:
    return settings.hardened_memory_bytes or engine.memory_bytes * 3 // 4 or None


# ---------------------------------------------------------------- GPUs


@dataclass(frozen=True, slots=True)
class GpuChoice:
    """`gpus` and `runtime` as in ContainerSpec. `remark` is a sentence for a person; empty when all is as usual."""

    gpus: str | None
    runtime: str | None
    remark: str = ""


def gpu_choice(wanted: str, engine: EngineInfo) -> GpuChoice:
    """Which GPUs a container gets. `wanted` is auto, none, all, or device ids like `0,2` or `GPU-<uuid>`.

    The original always asks for the nvidia runtime and leaves the choice to it, which shows all GPUs to
    CUDA images and none to others; a device request shows them to every image. Explicit ids are passed on even when
    the engine lists no nvidia runtime: it may have the hook alone, and reports an error otherwise. Raises BadInput.
    """
    ids = _device_ids(wanted)
    runtime = "nvidia" if engine.has_nvidia and engine.name == "docker" else None
    match ids:
        case "none":
            return GpuChoice(None, None)
        case "auto" if not engine.has_nvidia:
            is_here = engine.name in ("process", "apptainer")
            where = "this machine has no NVIDIA GPU" if is_here else "the engine has no NVIDIA runtime"
            return GpuChoice(None, None, f"No GPU: {where}, so the plugin computes on the CPU.")
        case "auto" | "all":
            return GpuChoice("all", runtime)
    return GpuChoice(ids, runtime)


def _device_ids(wanted: str) -> str:
    """`auto`, `none`, `all`, or device ids with commas between them. Raises BadInput for any other text."""
    choice = wanted.strip()
    if choice.lower() in ("auto", "none", "all", ""):
        return choice.lower() or "auto"
    ids = [part.strip() for part in choice.split(",")]
    if not all(read_number(part) is not None or part.startswith(("GPU-", "MIG-")) for part in ids):
        raise BadInput(f"gpus={wanted!r} is not a choice of GPUs; write auto, none, all, or device ids like 0,2")
    return ",".join(ids)


def _gpu_env(gpu: GpuChoice, engine: EngineInfo) -> Mapping[str, str]:
    """Variables that enforce the choice where no device request does: in processes, and by a default nvidia runtime."""
    if engine.name == "pod":  # the kubelet has given the container its GPUs, and with them its variables
        return {}
    if engine.name == "apptainer":  # it shows all GPUs or none
        return dict.fromkeys(_GPU_NAMES, gpu.gpus) if gpu.gpus not in (None, "all") else {}
    if engine.name == "process":
        if gpu.gpus == "all":
            return {}
        hidden = {"CUDA_VISIBLE_DEVICES": gpu.gpus or ""}
        return hidden if engine.has_nvidia or gpu.gpus else {}
    if gpu.gpus is None and engine.has_nvidia:
        return {"NVIDIA_VISIBLE_DEVICES": "void"}
    return {}
