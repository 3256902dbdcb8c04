"""What a task would do, without doing it: the staged layout and the exact container, for `--dry-run`.

Reads the library and asks the engine what it is; writes nothing, starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent import launch
from agent.domain import NewTask, Step, Task, TaskStatus, TaskType
from agent.formats.archive import list_archive

if TYPE_CHECKING:
    from agent.engines import EngineInfo
    from agent.house import House


@dataclass(frozen=True, slots=True)
class Plan:
    """`layout`: paths below /sly_task_data with what is there; `container`: the specification as JSON-ready data."""

    layout: tuple[tuple[str, str], ...]
    config: dict[str, Any]
    engine: str
    container: dict[str, Any]
    remarks: tuple[str, ...]


def plan(wish: NewTask, house: House, info: EngineInfo) -> Plan:
    """What `run_task` would stage and launch for this wish; the task id stands as 0."""
    task = _as_task(wish)
    plugin = house.store.plugins.get(wish.plugin_id)
    spec = launch.container_spec(
        task,
        plugin,
        house.settings.tasks_on_host / "0",
        engine=info,
        settings=house.settings,
        data_read_only=info.can_mount_over and not wish.options.writable_data,
    )
    remarks = launch.remarks(task, info, house.settings)
    return Plan(_layout(wish, house), dict(wish.config), info.name, launch.as_json(spec), tuple(remarks))


def _layout(wish: NewTask, house: House) -> tuple[tuple[str, str], ...]:
    project = house.store.projects.get(wish.project_id)
    model = house.store.models.get(wish.model_id)
    rows = [("task_config.json", "the task's config"), ("task_settings.json", "the same, under its old name")]
    rows.append((f"data/{project.name}/meta.json", f"{len(project.meta.get('classes', ()))} classes"))
    for dataset in house.store.projects.datasets(project.id):
        rows += [
            (f"data/{project.name}/{dataset.name}/img/", f"{dataset.images_count} images"),
            (f"data/{project.name}/{dataset.name}/ann/", f"{dataset.images_count} annotations"),
        ]
    with house.artifacts.open(model.sha256) as tar:
        rows += [
            (f"model/{member.name}", f"{member.size_bytes} bytes")
            for member in list_archive(tar).members
            if not member.is_folder
        ]
    rows.append(("results/", "empty"))
    if wish.type is TaskType.TRAIN:
        rows.append(("tmp/", "empty"))
    return tuple(rows)


def _as_task(wish: NewTask) -> Task:
    return Task(
        id=0,
        type=wish.type,
        status=TaskStatus.QUEUED,
        name=wish.name,
        plugin_id=wish.plugin_id,
        project_id=wish.project_id,
        model_id=wish.model_id,
        config=wish.config,
        options=wish.options,
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
