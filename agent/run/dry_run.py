"""The plan of a task for `--dry-run`: the staged layout and the exact container.

Reads the library and the engine's description of itself. Writes nothing, starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.domain import EngineInfo, NewTask, Plugin, Project, Step, Task, TaskStatus, TaskType
from agent.formats.archive import list_archive
from agent.formats.project_layout import dataset_path
from agent.fs.names import counted
from agent.models_url import models_url
from agent.run.container_spec import as_json, container_spec, remarks
from agent.run.serving import HIDDEN, connection_to, served_config, serves_itself

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.store import Store


@dataclass(frozen=True, slots=True)
class Plan:
    """`layout`: paths below /sly_task_data, each with its content; `container`: the specification as JSON data."""

    layout: tuple[tuple[str, str], ...]
    config: dict[str, Any]
    engine: str
    container: dict[str, Any]
    remarks: tuple[str, ...]


def plan(new: NewTask, installation: Installation, info: EngineInfo) -> Plan:
    """What `run_task` would stage and launch for this task. The task's id is 0."""
    task = _as_task(new)
    plugin = installation.store.plugins.get(new.plugin_id)
    spec = container_spec(
        task,
        plugin,
        installation.settings.tasks_on_host / "0",
        engine=info,
        settings=installation.settings,
        data_read_only=info.can_mount_over and not new.options.writable_data and new.project_id is not None,
        image=(plugin.pushed or plugin.image_digest or "") if plugin.is_shared else "",
    )
    said = remarks(task, info, installation.settings)
    config = dict(new.config)
    if new.type is TaskType.DEPLOY:
        address = models_url(installation.settings, info.name, is_local=info.is_local)
        config = served_config(new.config, connection_to(address, HIDDEN, task.id))
    return Plan(_layout(new, plugin, installation), config, info.name, as_json(spec), said)


def _layout(new: NewTask, plugin: Plugin, installation: Installation) -> tuple[tuple[str, str], ...]:
    model = installation.store.models.get(new.model_id)
    rows = [("task_config.json", "the task's config"), ("task_settings.json", "the same, under its old name")]
    if new.type is TaskType.DEPLOY and not serves_itself(plugin):
        rows.append(("serve.py", "the program that serves the model"))
    if new.project_id is not None:
        rows += _data(installation.store, installation.store.projects.get(new.project_id))
    with installation.artifacts.open(model.sha256) as tar:
        rows += [
            (f"model/{member.name}", f"{member.size_bytes} bytes")
            for member in list_archive(tar).members
            if not member.is_folder
        ]
    rows.append(("results/", "empty"))
    if new.type is TaskType.TRAIN:
        rows.append(("tmp/", "empty"))
    return tuple(rows)


def _data(store: Store, project: Project) -> list[tuple[str, str]]:
    rows = [(f"data/{project.name}/meta.json", f"{len(project.meta.get('classes', ()))} classes")]
    for dataset in store.datasets.list(project.id):
        folder = f"data/{project.name}/{dataset_path(dataset.name)}"
        rows += [
            (f"{folder}/img/", counted(dataset.images_count, "image")),
            (f"{folder}/ann/", counted(dataset.images_count, "annotation")),
        ]
    return rows


def _as_task(new: NewTask) -> Task:
    return Task(
        id=0,
        type=new.type,
        status=TaskStatus.QUEUED,
        name=new.name,
        plugin_id=new.plugin_id,
        project_id=new.project_id,
        model_id=new.model_id,
        config=new.config,
        options=new.options,
        step=Step.NOTHING,
        engine=None,
        container_id=None,
        container_spec=None,
        image_digest=None,
        stop_requested=False,
        reason=None,
        message=None,
        exit_code=None,
        lines_read=0,
        events_count=0,
        agent_id=None,
        result_project_id=None,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
    )
