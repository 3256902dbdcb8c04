"""Projects and their meta."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from agent.domain import Project
from agent.errors import BadInput
from web_stub.context import Web, WebDep
from web_stub.public_api.metas import with_ids
from web_stub.public_api.structure import require_workspace
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
    require_name,
    time_text,
)

router = APIRouter()

MANY = 1_000_000  # more projects than one installation has


class OfWorkspace(ListBody):
    workspace_id: Id | None = None


class NewProject(Body):
    workspace_id: Id | None = None
    name: str
    description: str | None = None
    type: str | None = None


class EditProject(IdBody):
    name: str | None = None
    description: str | None = None


class MetaUpdate(IdBody):
    meta: dict[str, Any]


def project_view(web: Web, project: Project) -> View:
    datasets = len(web.store.projects.datasets(project.id))
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "readme": "",
        "size": str(project.size_bytes),
        "type": "images",
        "workspaceId": WORKSPACE_ID,
        "teamId": TEAM_ID,
        "createdById": USER_ID,
        "imagesCount": project.images_count,
        "itemsCount": project.images_count,
        "datasetsCount": datasets,
        "customData": {},
        "settings": {},
        "createdAt": time_text(project.created_at),
        "updatedAt": time_text(project.updated_at),
    }


@router.post("/projects.list")
def projects_list(web: WebDep, body: OfWorkspace) -> Response:
    require_workspace(body.workspace_id)
    return list_reply([project_view(web, project) for project in _by_name(web, body)], body)


def _by_name(web: Web, body: ListBody) -> list[Project]:
    """All projects, or only those of the name the filter asks for: what every client does before it creates one."""
    name = next((rule.value for rule in body.filter if rule.field == "name" and rule.operator == "="), None)
    return web.store.projects.list(limit=MANY, name=name if isinstance(name, str) else None)


@router.post("/projects.info")
def projects_info(web: WebDep, body: IdBody) -> Response:
    return reply(project_view(web, web.store.projects.get(body.id)))


@router.post("/projects.add")
def projects_add(web: WebDep, body: NewProject) -> Response:
    require_workspace(body.workspace_id)
    if body.type not in (None, "images"):
        raise BadInput(f"this local instance has projects of images only, not of type {body.type!r}")
    require_name("project", body.name)
    return reply(project_view(web, web.store.edits.create(body.name, body.description or "")))


@router.post("/projects.editInfo")
def projects_edit(web: WebDep, body: EditProject) -> Response:
    if body.name is not None:
        require_name("project", body.name)
    return reply(project_view(web, web.store.edits.edit(body.id, name=body.name, description=body.description)))


@router.post("/projects.remove")
def projects_remove(web: WebDep, body: IdBody) -> Response:
    web.store.edits.remove(body.id)
    return reply({"success": True})


@router.post("/projects.settings.update")
def projects_settings_update(web: WebDep, body: IdBody) -> Response:
    """Grouping of images, which is about the labelling tool: taken note of, never needed."""
    web.store.projects.get(body.id)
    return reply({"success": True})


@router.post("/projects.meta")
def projects_meta(web: WebDep, body: IdBody) -> Response:
    meta = web.store.projects.get(body.id).meta
    return reply(with_ids(meta, body.id, known=meta))


@router.post("/projects.meta.update")
def projects_meta_update(web: WebDep, body: MetaUpdate) -> Response:
    check_meta(body.meta)
    known = web.store.projects.get(body.id).meta
    return reply(dict(web.store.edits.edit(body.id, meta=with_ids(body.meta, body.id, known=known)).meta))


def check_meta(meta: dict[str, Any]) -> None:
    """BadInput unless classes and tags are lists of named things, no name twice."""
    for key, name in (("classes", "title"), ("tags", "name")):
        items = meta.get(key) or []
        if not isinstance(items, list):
            raise BadInput(f"meta.{key} must be a list")
        names = [item.get(name) if isinstance(item, dict) else item for item in items]
        for given in names:
            if not isinstance(given, str) or not given:
                raise BadInput(f"meta.{key} has an entry whose {name} is {given!r}")
        if len(set(names)) < len(names):
            raise BadInput(f"meta.{key} has two entries named {max(names, key=names.count)!r}")
    for item in meta.get("classes") or []:
        if not isinstance(item, dict) or not isinstance(item.get("shape"), str):
            raise BadInput(f"class {item!r} in meta.classes has no shape")
