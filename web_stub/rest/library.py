"""The rest of the library: projects with their datasets, plugins, agents; and what this server is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from web_stub.context import WebDep
from web_stub.rest import schema
from web_stub.rest.tasks import Cursor
from web_stub.views import View, agent_view, dataset_view, plugin_view, project_view

router = APIRouter()

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/projects", response_model=schema.ProjectList, tags=["projects"])
def list_projects(web: WebDep, limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: Cursor = None) -> View:
    """Projects, newest first."""
    found = web.store.projects.list(limit=limit + 1, before_id=cursor)
    shown = found[:limit]
    return {"items": [project_view(p) for p in shown], "next": shown[-1].id if len(found) > limit else None}


@router.get("/projects/{project_id}", response_model=schema.ProjectDetail, tags=["projects"])
def get_project(web: WebDep, project_id: Id) -> View:
    """A project with its meta: classes and tags."""
    project = web.store.projects.get(project_id)
    return {**project_view(project), "meta": dict(project.meta)}


@router.get("/projects/{project_id}/datasets", response_model=schema.DatasetList, tags=["projects"])
def list_datasets(web: WebDep, project_id: Id) -> View:
    web.store.projects.get(project_id)
    return {"items": [dataset_view(dataset) for dataset in web.store.projects.datasets(project_id)]}


@router.get("/plugins", response_model=schema.PluginList, tags=["plugins"])
def list_plugins(web: WebDep) -> View:
    return {"items": [plugin_view(plugin) for plugin in web.store.plugins.list()]}


@router.get("/plugins/{plugin_id}", response_model=schema.Plugin, tags=["plugins"])
def get_plugin(web: WebDep, plugin_id: Id) -> View:
    return plugin_view(web.store.plugins.get(plugin_id))


@router.get("/agents", response_model=schema.AgentList, tags=["agents"])
def list_agents(web: WebDep) -> View:
    """Every agent that ever reported to this store, with the time it was last seen."""
    return {"items": [agent_view(agent) for agent in web.store.agents.list()]}


@router.get("/info", response_model=schema.Info, tags=["server"])
def get_info(request: Request) -> View:
    """This server's version and clock."""
    return {"version": request.app.version, "time": datetime.now(UTC)}
