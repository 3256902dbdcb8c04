"""Datasets of a project."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from agent.domain import Dataset
from web_stub.context import Web, WebDep
from web_stub.public_api.wire import (
    TEAM_ID,
    WORKSPACE_ID,
    Body,
    Id,
    IdBody,
    ListBody,
    NotOffered,
    View,
    list_reply,
    reply,
    require_name,
    time_text,
)

router = APIRouter()


class OfProject(ListBody):
    project_id: Id


class NewDataset(Body):
    project_id: Id
    name: str
    description: str | None = None
    parent_id: Id | None = None


class EditDataset(IdBody):
    name: str | None = None
    description: str | None = None


class ManyDatasets(Body):
    datasets: list[IdBody]


def dataset_view(dataset: Dataset) -> View:
    """No `customData`: later clients put entities into sets and fail on it. `size`, which is read from the
    images, only those that are shown get."""
    return {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "size": None,
        "projectId": dataset.project_id,
        "parentId": None,
        "workspaceId": WORKSPACE_ID,
        "teamId": TEAM_ID,
        "imagesCount": dataset.images_count,
        "itemsCount": dataset.images_count,
        "createdAt": time_text(dataset.created_at),
        "updatedAt": time_text(dataset.updated_at),
    }


def sized(web: Web, view: View) -> View:
    return {**view, "size": str(web.store.edits.sizes([view["id"]])[view["id"]])}


def _view(web: Web, dataset: Dataset) -> View:
    return sized(web, dataset_view(dataset))


@router.post("/datasets.list")
def datasets_list(web: WebDep, body: OfProject) -> Response:
    web.store.projects.get(body.project_id)
    found = [dataset_view(dataset) for dataset in web.store.projects.datasets(body.project_id)]
    return list_reply(found, body, lambda view: sized(web, view))


@router.post("/datasets.info")
def datasets_info(web: WebDep, body: IdBody) -> Response:
    return reply(_view(web, web.store.projects.dataset(body.id)))


@router.post("/datasets.add")
def datasets_add(web: WebDep, body: NewDataset) -> Response:
    if body.parent_id is not None:
        raise NotOffered("datasets.add: a local project has no datasets inside datasets; add it to the project itself")
    require_name("dataset", body.name)
    return reply(_view(web, web.store.edits.add_dataset(body.project_id, body.name, body.description or "")))


@router.post("/datasets.editInfo")
def datasets_edit(web: WebDep, body: EditDataset) -> Response:
    if body.name is not None:
        require_name("dataset", body.name)
    return reply(_view(web, web.store.edits.edit_dataset(body.id, name=body.name, description=body.description)))


@router.post("/datasets.remove")
@router.post("/datasets.archive")
def datasets_remove(web: WebDep, body: IdBody) -> Response:
    web.store.edits.remove_dataset(body.id)
    return reply({"success": True})


@router.post("/datasets.remove.permanently")
def datasets_remove_many(web: WebDep, body: ManyDatasets) -> Response:
    for dataset in body.datasets:
        web.store.edits.remove_dataset(dataset.id)
    return reply({"success": True})
