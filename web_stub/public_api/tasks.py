"""Tasks: queued, listed, stopped; their checkpoints, logs and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BeforeValidator
from starlette.responses import Response, StreamingResponse

from agent.domain import Checkpoint, Plugin, Task, TaskType
from agent.errors import BadInput, NotFound
from agent.events.model import Metrics
from agent.store import StoredEvent, agent_name
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.json_response import encode
from web_stub.public_api.account import require_workspace, team_view, workspace_view
from web_stub.public_api.agents import agent_number, named_agent
from web_stub.public_api.envelope import (
    TEAM_ID,
    USER_ID,
    WORKSPACE_ID,
    Body,
    Id,
    IdBody,
    View,
    list_reply,
    null_is_empty,
    page_reply,
    reply,
    time_text,
)
from web_stub.public_api.plugins import PluginNumbers, plugin_versions
from web_stub.public_api.projects import MANY, OfWorkspace

router = APIRouter(route_class=BudgetRoute)

RESTARTS_ON_ERROR = 5  # of a deployed model that fails, by the policy of that name
_CHUNK = 256 << 10  # bytes of a streamed reply sent at once


class RunPlugin(Body):
    task_type: str
    agent_id: Id | None = None  # a listed agent gets the task; without one the first free agent takes it
    plugin_id: Id | None = None
    version: str | None = None
    config: Any = None
    projects: Annotated[list[Id], BeforeValidator(null_is_empty)]
    models: Annotated[list[Id], BeforeValidator(null_is_empty)]
    name: str | None = None


class MetricsOf(Body):
    task_id: Id | None = None
    model_id: Id | None = None


def task_view(task: Task, plugins: PluginNumbers) -> View:
    return {
        "id": task.id,
        "type": task.type.value,
        "status": task.status.value,
        "name": task.name,
        "description": "",
        "agentId": agent_number(agent_name(task.agent_id)) if task.agent_id else None,
        "agentName": agent_name(task.agent_id) if task.agent_id else None,
        "teamId": TEAM_ID,
        "workspaceId": WORKSPACE_ID,
        "userId": USER_ID,
        "pluginId": plugins.of_version(task.plugin_id),
        "createdAt": time_text(task.created_at),
        "updatedAt": time_text(task.finished_at or task.started_at or task.created_at),
        "startedAt": time_text(task.started_at),
        "finishedAt": time_text(task.finished_at),
        "meta": {
            "input": {"projectId": task.project_id, "modelId": task.model_id, "config": dict(task.config)},
            "output": {"projectId": task.result_project_id, "name": task.name},
            "reason": task.reason,
            "message": task.message,
            "exitCode": task.exit_code,
        },
    }


class RunDeploy(Body):
    agent_id: Id | None = None
    model_id: Id
    restart_policy: Literal["never", "on_error"] = "never"
    settings: dict[str, Any] | None = None
    plugin_id: Id | None = None
    version: str | None = None
    name: str | None = None


@router.post("/tasks.run.plugin")
@large
def run_plugin(web: WebDep, body: RunPlugin) -> Response:
    request = TaskRequest(
        type=body.task_type,
        plugin=_plugin(web, body.plugin_id, body.version, body.models),
        project=body.projects,
        model=body.models,
        name=body.name,
        config=body.config if body.config is not None else {},
    )
    task = web.store.tasks.add(new_task(web.store, web.settings, request), only_for=named_agent(web, body.agent_id))
    web.hub.touch()
    return reply({"taskId": task.id})


@router.post("/tasks.run.deploy")
@large
def run_deploy(web: WebDep, body: RunDeploy) -> Response:
    """A task that serves a model until it is stopped."""
    restarts = RESTARTS_ON_ERROR if body.restart_policy == "on_error" else 0
    request = TaskRequest(
        type=TaskType.DEPLOY,
        plugin=_plugin(web, body.plugin_id, body.version, [body.model_id]),
        model=body.model_id,
        name=body.name,
        config=body.settings if body.settings is not None else {},
        options=RequestedOptions(restarts=restarts),
    )
    task = web.store.tasks.add(new_task(web.store, web.settings, request), only_for=named_agent(web, body.agent_id))
    web.hub.touch()
    return reply({"taskId": task.id})


def _plugin(web: Web, plugin_id: int | None, version: str | None, of_models: Sequence[int]) -> Plugin:
    """The version asked for, else the newest. Clients take the plugin's id from the model, which may lack it."""
    if plugin_id is None and len(of_models) == 1:
        plugin_id = PluginNumbers(web).of_model(web.store.models.get(of_models[0]))
    if plugin_id is None:
        models = ", ".join(map(str, of_models)) or "none"
        titles = ", ".join(sorted({plugin.title for plugin in web.store.plugins.list()})) or "none"
        raise BadInput(
            f"no plugin is named, and the model ({models}) does not say which it belongs to; the plugins here are: "
            f"{titles}. Say it once with `agent model add TAR --plugin TITLE`, or name one with pluginId"
        )
    versions = plugin_versions(web, plugin_id)
    if version is None:
        return versions[0]
    for plugin in versions:
        if plugin.tag == version:
            return plugin
    tags = ", ".join(plugin.tag for plugin in versions)
    raise NotFound(f"Plugin {versions[0].title!r} has no version {version!r}; it has: {tags}.")


@router.post("/tasks.info")
def tasks_info(web: WebDep, body: IdBody) -> Response:
    return reply(task_view(web.store.tasks.get(body.id), PluginNumbers(web)))


@router.post("/tasks.list")
@large
def tasks_list(web: WebDep, body: OfWorkspace) -> Response:
    require_workspace(body.workspace_id)
    plugins = PluginNumbers(web)
    if body.filter or not body.is_by_number:
        return list_reply([task_view(task, plugins) for task in web.store.tasks.list(limit=MANY)], body)
    page = web.store.tasks.page(limit=body.page_size, offset=body.offset, ascending=body.is_ascending)
    return page_reply([task_view(task, plugins) for task in page.values], page.total, body)


@router.post("/tasks.checkpoints.list")
@large
def tasks_checkpoints(web: WebDep, body: IdBody) -> Response:
    """The checkpoints a training reported, in order; those with a `modelId` can be used."""
    web.store.tasks.get(body.id)
    return reply([_checkpoint_view(checkpoint) for checkpoint in web.store.checkpoints.list(body.id)])


def _checkpoint_view(checkpoint: Checkpoint) -> View:
    return {
        "id": checkpoint.id,
        "taskId": checkpoint.task_id,
        "index": checkpoint.index,
        "name": checkpoint.subdir,
        "size": str(checkpoint.size_bytes),
        "best": checkpoint.is_best,
        "optional": dict(checkpoint.optional) if checkpoint.optional is not None else None,
        "state": checkpoint.state.value,
        "reason": checkpoint.reason,
        "modelId": checkpoint.model_id,
        "createdAt": time_text(checkpoint.created_at),
    }


@router.get("/tasks.log.download")  # clients send a GET for this method alone, with its arguments in the address
def tasks_log(
    web: WebDep,
    id: Annotated[int, Query(ge=0, le=2**63 - 1)],  # noqa: A002 - the wire's word
    limit: Annotated[int, Query(ge=1, le=1_000_000)] = 1_000_000,
    since_time: Annotated[datetime | None, Query(alias="sinceTime")] = None,
) -> Response:
    """The lines of a task as objects, oldest first; of more than `limit` the newest."""
    web.store.tasks.get(id)
    since = since_time.replace(tzinfo=UTC) if since_time is not None and since_time.tzinfo is None else since_time
    first = web.store.events.nth_newest(id, limit)
    rows = web.store.events.each(id, max(0, first - 1))
    views = (_line_view(row) for row in rows if since is None or row.time > since)
    return StreamingResponse(_json_list(views), media_type="application/json")


def _line_view(row: StoredEvent) -> View:
    """A line with the plugin's own keys, which never replace those of the log."""
    known = {"level": row.level.name.lower(), "message": row.message, "timestamp": time_text(row.time)}
    event_type = {"event_type": f"EventType.{row.event_type}"} if row.event_type else {}
    return {**(row.fields or {}), **known, **event_type, "task_id": row.task_id}


@router.post("/tasks.stop")
def tasks_stop(web: WebDep, body: IdBody) -> Response:
    task = web.store.tasks.request_stop(body.id)
    web.hub.touch()
    return reply({"status": task.status.value})


@router.post("/GetTaskContext")
def task_context(web: WebDep, body: IdBody) -> Response:
    web.store.tasks.get(body.id)
    team, workspace = team_view(), workspace_view()
    return reply(
        {
            "team": {"id": team["id"], "name": team["name"]},
            "workspace": {"id": workspace["id"], "name": workspace["name"]},
        }
    )


@router.post("/tasks.train-metrics")
def train_metrics(web: WebDep, body: MetricsOf) -> Response:
    """Every metrics line of a task, or of the task that made a model, in the order printed."""
    if body.task_id is None and body.model_id is None:
        raise BadInput("tasks.train-metrics needs a taskId or a modelId")
    task_id = body.task_id
    if task_id is None:
        task_id = web.store.models.get(body.model_id or 0).provenance.task_id
        if task_id is None:
            raise NotFound(f"Model {body.model_id} was made by no task.")
    web.store.tasks.get(task_id)
    return StreamingResponse(_json_list(_metrics(web, task_id)), media_type="application/json")


def _metrics(web: Web, task_id: int) -> Iterator[View]:
    for row in web.store.events.each(task_id, event_type="METRICS"):
        if isinstance(row.body, Metrics):
            yield {"type": row.body.kind, "epoch": row.body.epoch, "metrics": row.body.values}


def _json_list(items: Iterable[View]) -> Iterator[bytes]:
    """A JSON array, in chunks: of any length in constant memory."""
    chunk = bytearray(b"[")
    comma = b""
    for item in items:
        chunk += comma + encode(item)
        comma = b","
        if len(chunk) >= _CHUNK:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk + b"]")
