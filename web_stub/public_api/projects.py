"""Projects and their meta."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from agent.domain import Project
from agent.errors import BadInput
from agent.formats.meta_ids import with_ids
from agent.fs.names import brief, text_problem
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.public_api.account import require_workspace
from web_stub.public_api.envelope import (
    TEAM_ID,
    USER_ID,
    WORKSPACE_ID,
    Body,
    Id,
    IdBody,
    JsonObject,
    ListBody,
    View,
    list_reply,
    reply,
    require_name,
    time_text,
)
from web_stub.public_api.of_task import OwnDep

router = APIRouter(route_class=BudgetRoute)

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
    readme: str | None = None
    custom_data: JsonObject | None = None


class Settings(IdBody):
    settings: JsonObject


class ManyProjects(Body):
    projects: list[IdBody]


class OfProject(ListBody):
    project_id: Id


class MetaUpdate(IdBody):
    meta: JsonObject


def project_view(project: Project) -> View:
    """Without `datasetsCount`, which `counted` adds to the projects that are shown."""
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "readme": project.extra.get("readme", ""),
        "size": str(project.size_bytes),
        "type": "images",
        "workspaceId": WORKSPACE_ID,
        "teamId": TEAM_ID,
        "createdById": USER_ID,
        "imagesCount": project.images_count,
        "itemsCount": project.images_count,
        "datasetsCount": None,
        "customData": project.extra.get("customData", {}),
        "settings": project.extra.get("settings", {}),
        "referenceImageUrl": None,
        "createdAt": time_text(project.created_at),
        "updatedAt": time_text(project.updated_at),
    }


def counted(web: Web, view: View) -> View:
    return {**view, "datasetsCount": len(web.store.datasets.list(view["id"]))}


@router.post("/projects.list")
@large
def projects_list(web: WebDep, body: OfWorkspace) -> Response:
    require_workspace(body.workspace_id)
    found = web.store.projects.list(limit=MANY, name=body.wanted_name)
    return list_reply([project_view(project) for project in found], body, lambda view: counted(web, view))


def _view(web: Web, project: Project) -> View:
    return counted(web, project_view(project))


@router.post("/projects.info")
def projects_info(web: WebDep, body: IdBody) -> Response:
    return reply(_view(web, web.store.projects.get(body.id)))


@router.post("/projects.add")
def projects_add(web: WebDep, own: OwnDep, body: NewProject) -> Response:
    require_workspace(body.workspace_id)
    if body.type not in (None, "images"):
        raise BadInput(f"this local instance has projects of images only, not of type {body.type!r}")
    require_name("project", body.name)
    return reply(_view(web, web.store.projects.create(body.name, body.description or "", task_id=own.task_id)))


@router.post("/projects.editInfo")
def projects_edit(web: WebDep, body: EditProject) -> Response:
    if body.name is not None:
        require_name("project", body.name)
    given = {"readme": body.readme, "customData": body.custom_data}
    extra = {key: value for key, value in given.items() if value is not None}
    project = web.store.projects.edit(body.id, name=body.name, description=body.description, extra=extra or None)
    return reply(_view(web, project))


@router.post("/projects.remove")
@router.post("/projects.archive")  # clients since 6.74 call this; the real instance moves it to a bin
def projects_remove(web: WebDep, body: IdBody) -> Response:
    """Into the trash, as the real instance does; never a project that a task uses."""
    web.store.projects.get(body.id)
    web.store.projects.remove(body.id)
    web.hub.touch()
    return reply({"success": True})


@router.post("/projects.remove.permanently")
@large
def projects_remove_many(web: WebDep, body: ManyProjects) -> Response:
    """For good: rows and images go when an agent comes by. All of them can go, or none goes."""
    web.store.projects.give_up(*(project.id for project in body.projects))
    web.hub.touch()
    return reply({"success": True})


@router.post("/projects.settings.update")
def projects_settings_update(web: WebDep, body: Settings) -> Response:
    """The grouping of images in the labelling tool: kept, and returned with the project."""
    known = web.store.projects.get(body.id).extra.get("settings", {})
    return reply(_view(web, web.store.projects.edit(body.id, extra={"settings": {**known, **body.settings}})))


@router.post("/projects.meta")
def projects_meta(web: WebDep, body: IdBody) -> Response:
    meta = web.store.projects.get(body.id).meta
    return reply(with_ids(meta, body.id, known=meta))


@router.post("/projects.meta.update")
@large
def projects_meta_update(web: WebDep, own: OwnDep, body: MetaUpdate) -> Response:
    own.require_project(body.id)
    check_meta(body.meta)
    known = web.store.projects.get(body.id).meta
    return reply(dict(web.store.projects.edit(body.id, meta=with_ids(body.meta, body.id, known=known)).meta))


def check_meta(meta: dict[str, Any]) -> None:
    """BadInput unless classes and tags are lists of named things, no name twice."""
    for key, name in (("classes", "title"), ("tags", "name")):
        items = meta.get(key) or []
        if not isinstance(items, list):
            raise BadInput(f"meta.{key} must be a list")
        names = [item.get(name) if isinstance(item, dict) else item for item in items]
        for given in names:
            if not isinstance(given, str) or not given:
                raise BadInput(f"meta.{key} has an entry whose {name} is {brief(repr(given))}")
            if problem := text_problem(given):
                raise BadInput(f"meta.{key}: the {name} {brief(given)!r} {problem}; rename it")
        if len(set(names)) < len(names):
            raise BadInput(f"meta.{key} has two entries named {Counter(names).most_common(1)[0][0]!r}")
    for item in meta.get("classes") or []:
        if not isinstance(item, dict) or not isinstance(item.get("shape"), str):
            raise BadInput(f"class {brief(repr(item))} in meta.classes has no shape")


@router.post("/advanced.object_classes.list")
@large
def classes_list(web: WebDep, body: OfProject) -> Response:
    """The classes of a project's meta, as entities."""
    project = web.store.projects.get(body.project_id)
    found = with_ids(project.meta, project.id, known=project.meta)["classes"]
    return list_reply([_part(project, item, name=item["title"], settings={}) for item in found], body)


@router.post("/tags.list")
@large
def tags_list(web: WebDep, body: OfProject) -> Response:
    project = web.store.projects.get(body.project_id)
    found = with_ids(project.meta, project.id, known=project.meta)["tags"]
    return list_reply([_part(project, item, settings={"type": item.get("value_type")}) for item in found], body)


def _part(project: Project, item: dict[str, Any], **more: Any) -> View:
    return {
        "description": "",
        "color": None,
        **item,
        "projectId": project.id,
        "createdAt": time_text(project.created_at),
        "updatedAt": time_text(project.updated_at),
        **more,
    }
