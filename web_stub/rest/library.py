"""Plugins and agents, and this server itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from agent.formats.schemas import schema
from agent.library.portability import plugin_differences
from agent.nodes import node_views
from web_stub.budget import BudgetRoute, large
from web_stub.context import WebDep
from web_stub.json_response import encode, json_response
from web_stub.lists import PluginListQuery, plugin_list
from web_stub.parameters import Id
from web_stub.resources.installation import Agent, AgentList, Info, Node, NodeList, Plugin, PluginCheck, PluginList
from web_stub.resources.portability import Portability

router = APIRouter(route_class=BudgetRoute)


@router.get("/plugins", response_model=PluginList, tags=["plugins"])
@large
def list_plugins(web: WebDep, query: Annotated[PluginListQuery, Query()]) -> Response:
    """Plugin versions; the version changed last comes first."""
    return json_response(plugin_list(web.store, query))


@router.get("/plugins/{plugin_id}", response_model=Plugin, tags=["plugins"])
def get_plugin(web: WebDep, plugin_id: Id) -> Response:
    return json_response(Plugin.of(web.store.plugins.get(plugin_id)))


@router.get("/schemas/{name}", response_class=Response, tags=["plugins"])
def get_schema(name: str) -> Response:
    """The JSON Schema of a file that authors write, for editors; as `agent schema NAME` prints it."""
    return Response(encode(schema(name)), media_type="application/schema+json")


@router.get("/plugins/{plugin_id}/check", response_model=PluginCheck, tags=["plugins"])
def plugin_check(web: WebDep, plugin_id: Id) -> Response:
    """The certificate of the last `agent plugin check`; 404 without one."""
    plugin = web.store.plugins.get(plugin_id)
    return json_response(PluginCheck.of(web.store.plugin_checks.get(plugin_id), plugin))


@router.get("/plugins/{plugin_id}/portability", response_model=Portability, tags=["plugins"])
@large
def plugin_portability(web: WebDep, plugin_id: Id) -> Response:
    """What the original agent, SDK or web would do otherwise with this plugin, as far as its files here say."""
    return json_response(Portability.of(plugin_differences(web.store.plugins.get(plugin_id))))


@router.get("/agents", response_model=AgentList, tags=["agents"])
def list_agents(web: WebDep) -> Response:
    """Every agent that ever reported to this store, with the time it was last seen."""
    return json_response(AgentList(items=[Agent.of(agent) for agent in web.store.agents.list()]))


@router.get("/nodes", response_model=NodeList, tags=["agents"])
@large
def list_nodes(web: WebDep) -> Response:
    """The nodes: homes of agents, each on one machine; by name."""
    return json_response(NodeList(items=[Node.of(node) for node in node_views(web.store)]))


@router.get("/info", response_model=Info, tags=["server"])
def get_info(request: Request) -> Response:
    """This server's version and clock."""
    return json_response(Info(version=request.app.version, time=datetime.now(UTC)))
