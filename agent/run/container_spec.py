"""Task + task folder + settings → ContainerSpec, exactly as the original agent launches it. Pure.

Facts: contract task.md 3. Everything the container gets is decided here and in `task_options`, as data that can be
printed (`agent submit-train --dry-run`) and is stored with the task. An engine only obeys.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import TASK_MOUNT, ContainerSpec, EngineInfo, Mount, Plugin, Task
from agent.installation import container_labels, ecosystem_token
from agent.run.serving import command_of
from agent.task_options import launch_options

if TYPE_CHECKING:
    from agent.settings import Settings


def container_spec(
    task: Task,
    plugin: Plugin,
    task_dir_on_host: Path,
    *,
    engine: EngineInfo,
    settings: Settings,
    data_read_only: bool,
    image: str = "",
) -> ContainerSpec:
    """Everything about this task's container. Raises BadInput for options that this engine cannot follow.

    `image` is what the engine calls the image of the plugin; by default as the plugin is called.
    `task_dir_on_host` is the task folder as the engine sees it. `data_read_only` is set where `data/`
    shares its files with the library: then it is mounted read-only over the task folder.
    """
    options = launch_options(task.options, settings, engine)
    mounts = [Mount(str(task_dir_on_host), str(TASK_MOUNT))]
    if data_read_only or (options.hardening and not task.options.writable_data):
        mounts.append(Mount(str(task_dir_on_host / "data"), str(TASK_MOUNT / "data"), read_only=True))
    suffix = f"_{task.attempt}" if task.attempt > 1 else ""  # the first has the original's name
    return ContainerSpec(
        image=image or plugin.reference,
        entrypoint=("sh", "-c", command_of(plugin, task.type)),
        name=f"sly_task_{task.id}_{ecosystem_token(settings)}{suffix}",
        env={"LOG_LEVEL": "DEBUG", "LANG": "C.UTF-8", **options.env},
        labels=container_labels(task, settings),
        mounts=tuple(mounts),
        shm_bytes=settings.shm_bytes,
        gpus=options.gpus,
        runtime=options.runtime,
        stop_grace_s=task.options.stop_grace_s,
        plugin_folder=plugin.folder,
        python=task.options.python,
        memory_bytes=options.memory_bytes,
        hardening=options.hardening,
    )


def remarks(task: Task, engine: EngineInfo, settings: Settings) -> tuple[str, ...]:
    """A sentence for each way in which this run differs from the usual; often none."""
    return launch_options(task.options, settings, engine).remarks


def as_json(spec: ContainerSpec) -> dict[str, Any]:
    """The specification as JSON data, for `--dry-run` and the record."""
    data = asdict(spec)
    data["entrypoint"] = list(spec.entrypoint)
    data["mounts"] = list(data["mounts"])
    return data
