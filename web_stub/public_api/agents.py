"""Agents, as clients list them and choose one for a task."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter
from starlette.responses import Response

from agent.errors import NotFound
from agent.liveness import ORIGINAL, is_alive
from agent.store import AgentRow
from web_stub.budget import BudgetRoute
from web_stub.context import Web, WebDep
from web_stub.public_api.account import OfTeam, require_team
from web_stub.public_api.envelope import TEAM_ID, USER_ID, IdBody, View, list_reply, reply, time_text

router = APIRouter(route_class=BudgetRoute)


def agent_number(name: str) -> int:
    """An agent's number, made of its name: scripts that wrote it down find the same agent after a restart."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) & 0x7FFFFFFF or 1


def agent_view(agent: AgentRow) -> View:
    seen = time_text(agent.last_seen)
    return {
        "id": agent_number(agent.name),
        "name": agent.name,
        "token": "",  # of no use here
        "status": "running" if is_alive(agent) else "waiting",
        "userId": USER_ID,
        "teamId": TEAM_ID,
        "capabilities": {"types": {kind: {"enabled": True} for kind in ("train", "inference", "infer_rpc")}},
        "isPublic": False,
        "type": "local",
        "disabled": False,
        "version": None,
        "gpuInfo": None,
        "createdAt": seen,
        "updatedAt": seen,
    }


def agents(web: Web) -> list[View]:
    """Agents that take tasks from the queue, and original ones, by name; of several with a name the newest counts."""
    newest: dict[str, AgentRow] = {}
    for agent in web.store.agents.list():
        if agent.info.get("takes", "queue") in ("queue", ORIGINAL):
            newest.setdefault(agent.name, agent)
    return [agent_view(agent) for agent in newest.values()]


@router.post("/agents.list")
def agents_list(web: WebDep, body: OfTeam) -> Response:
    require_team(body.team_id)
    return list_reply(agents(web), body)


@router.post("/agents.available")
def agents_available(web: WebDep, body: OfTeam) -> Response:
    require_team(body.team_id)
    return reply([agent for agent in agents(web) if agent["status"] == "running"])


@router.post("/agent.info")  # the 2019 client's name for it
@router.post("/agents.info")
def agents_info(web: WebDep, body: IdBody) -> Response:
    for agent in agents(web):
        if agent["id"] == body.id:
            return reply(agent)
    raise NotFound(f"There is no agent {body.id}.")


def named_agent(web: Web, number: int | None) -> str | None:
    """The name of a listed agent. None for other numbers: scripts bring them along from other instances."""
    return next((agent["name"] for agent in agents(web) if agent["id"] == number), None)
