"""The team, the workspace and the user, of which there is one each, and the version handshake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from agent.errors import BadInput, NotFound
from web_stub.budget import BudgetRoute
from web_stub.public_api.envelope import (
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

router = APIRouter(route_class=BudgetRoute)

VERSION = "6.20.0"  # newer than the versions that clients require
NAME = "local"
_BORN = time_text(datetime(2019, 11, 1, tzinfo=UTC))


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
