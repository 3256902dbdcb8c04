"""The rest of the library: plugins and agents; and what this server is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request

from web_stub.context import WebDep
from web_stub.rest import schema
from web_stub.views import View, agent_view, plugin_view

router = APIRouter()

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


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
