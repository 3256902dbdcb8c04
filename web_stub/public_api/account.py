"""Team, workspace and user (one of each), agents, and the version handshake."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from agent.errors import BadInput, NotFound
from agent.store import AgentRow
from web_stub.context import Web, WebDep
from web_stub.public_api.wire import (
    TEAM_ID,
    USER_ID,
    WORKSPACE_ID,
    Body,
    Id,
    IdBody,
    ListBody,
    View,
    list_reply,
    reply,
    time_text,
)

router = APIRouter()

VERSION = "6.20.0"  # newer than what the clients' own checks ask for
NAME = "local"
_BORN = time_text(datetime(2019, 11, 1, tzinfo=UTC))
_ALIVE_S = 60  # an agent that was seen so lately runs


def team_view() -> View:
    return {
        "id": TEAM_ID,
        "name": NAME,
        "description": "This installation",
        "role": "admin",
        "createdAt": _BORN,
        "updatedAt": _BORN,
    }


def workspace_view() -> View:
    return {
        "id": WORKSPACE_ID,
        "name": NAME,
        "description": "This installation",
        "teamId": TEAM_ID,
        "createdAt": _BORN,
        "updatedAt": _BORN,
    }


def user_view() -> View:
    return {
        "id": USER_ID,
        "login": NAME,
        "name": NAME,
        "email": "",
        "logins": 1,
        "disabled": False,
        "lastLogin": _BORN,
        "role": "admin",
        "roleId": 1,
        "createdAt": _BORN,
        "updatedAt": _BORN,
    }


class OfTeam(ListBody):
    team_id: Id | None = None


class New(Body):
    name: str = ""


@router.post("/instance.version")
def instance_version() -> Response:
    return reply({"version": VERSION})


@router.post("/users.me")
def users_me() -> Response:
    return reply(user_view())


@router.post("/users.info")
def users_info(body: IdBody) -> Response:
    return reply(_the_one(body.id, USER_ID, "user", user_view()))


@router.post("/users.list")
@router.post("/members.list")
def users_list(body: OfTeam) -> Response:
    require_team(body.team_id)
    return list_reply([user_view()], body)


@router.post("/teams.list")
def teams_list(body: ListBody) -> Response:
    return list_reply([team_view()], body)


@router.post("/teams.info")
def teams_info(body: IdBody) -> Response:
    return reply(_the_one(body.id, TEAM_ID, "team", team_view()))


@router.post("/workspaces.list")
def workspaces_list(body: OfTeam) -> Response:
    require_team(body.team_id)
    return list_reply([workspace_view()], body)


@router.post("/workspaces.info")
def workspaces_info(body: IdBody) -> Response:
    return reply(_the_one(body.id, WORKSPACE_ID, "workspace", workspace_view()))


@router.post("/teams.add")
@router.post("/workspaces.add")
def no_more(body: New) -> Response:
    raise BadInput(
        f"this local instance has one team and one workspace, both named {NAME!r} with id 1; "
        f"{body.name!r} cannot be added, use those"
    )


# ---------------------------------------------------------------- agents


def agent_number(name: str) -> int:
    """An agent's number: that of its name, so it stays the same over restarts and for whoever wrote it down."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) & 0x7FFFFFFF or 1


def agent_view(agent: AgentRow) -> View:
    alive = datetime.now(UTC) - agent.last_seen < timedelta(seconds=_ALIVE_S)
    seen = time_text(agent.last_seen)
    return {
        "id": agent_number(agent.name),
        "name": agent.name,
        "token": "",  # nobody needs it here
        "status": "running" if alive else "waiting",
        "userId": USER_ID,
        "teamId": TEAM_ID,
        "capabilities": {"types": {"train": {"enabled": True}, "inference": {"enabled": True}}},
        "isPublic": False,
        "type": "local",
        "disabled": False,
        "version": None,
        "gpuInfo": None,
        "createdAt": seen,
        "updatedAt": seen,
    }


def agents(web: Web) -> list[View]:
    """Every agent that takes tasks from the queue, once by name: a name's newest process speaks for it."""
    newest: dict[str, AgentRow] = {}
    for agent in web.store.agents.list():
        if agent.info.get("takes", "queue") == "queue":
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
    """The name of a listed agent. None for other numbers, as scripts bring them along from other instances."""
    return next((agent["name"] for agent in agents(web) if agent["id"] == number), None)


# ---------------------------------------------------------------- the fixed ones


def require_team(team_id: int | None) -> None:
    if team_id not in (None, TEAM_ID):
        raise NotFound(f"There is no team {team_id}; this local instance has one, with id {TEAM_ID}.")


def require_workspace(workspace_id: int | None) -> None:
    if workspace_id not in (None, WORKSPACE_ID):
        raise NotFound(f"There is no workspace {workspace_id}; this local instance has one, with id {WORKSPACE_ID}.")


def _the_one(given: int, known: int, noun: str, view: Any) -> Any:
    if given != known:
        raise NotFound(f"There is no {noun} {given}; this local instance has one, with id {known}.")
    return view
