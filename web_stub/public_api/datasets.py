"""Datasets of a project."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from agent.domain import Dataset
from agent.errors import BadInput
from web_stub.context import WebDep
from web_stub.public_api.wire import Body, Id, IdBody, ListBody, View, list_reply, reply, require_name, time_text

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


def dataset_view(dataset: Dataset) -> View:
    """No `customData`: later clients put entities into sets and fail on it."""
    return {
        "id": dataset.id,
        "name": dataset.name,
        "description": "",
        "size": None,
        "projectId": dataset.project_id,
        "parentId": None,
        "imagesCount": dataset.images_count,
        "itemsCount": dataset.images_count,
        "createdAt": time_text(dataset.created_at),
        "updatedAt": time_text(dataset.updated_at),
    }


@router.post("/datasets.list")
def datasets_list(web: WebDep, body: OfProject) -> Response:
    web.store.projects.get(body.project_id)
    return list_reply([dataset_view(dataset) for dataset in web.store.projects.datasets(body.project_id)], body)


@router.post("/datasets.info")
def datasets_info(web: WebDep, body: IdBody) -> Response:
    return reply(dataset_view(web.store.projects.dataset(body.id)))


@router.post("/datasets.add")
def datasets_add(web: WebDep, body: NewDataset) -> Response:
    if body.parent_id is not None:
        raise BadInput("this local instance has no datasets inside datasets; add it to the project itself")
    require_name("dataset", body.name)
    return reply(dataset_view(web.store.edits.add_dataset(body.project_id, body.name)))


@router.post("/datasets.editInfo")
def datasets_edit(web: WebDep, body: EditDataset) -> Response:
    if body.name is None:
        return reply(dataset_view(web.store.projects.dataset(body.id)))
    require_name("dataset", body.name)
    return reply(dataset_view(web.store.edits.edit_dataset(body.id, name=body.name)))


@router.post("/datasets.remove")
def datasets_remove(web: WebDep, body: IdBody) -> Response:
    web.store.edits.remove_dataset(body.id)
    return reply({"success": True})
