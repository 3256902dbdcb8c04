"""Datasets of a project, and datasets in datasets: a parent is named by its id, a dataset by its own name alone."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from agent.domain import Dataset
from agent.errors import BadInput
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.public_api.envelope import (
    TEAM_ID,
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
from web_stub.public_api.of_task import OwnDep

router = APIRouter(route_class=BudgetRoute)

MAX_LEVELS = 10  # of datasets in datasets: their names together are a path in the task folder


class OfProject(ListBody):
    project_id: Id
    recursive: bool | None = None  # whether datasets in datasets are listed too


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


def dataset_view(dataset: Dataset, parent_id: int | None) -> View:
    """No `customData`: later clients put entities into sets and fail on it. `size`, which is read from the
    images, only those that are shown get."""
    return {
        "id": dataset.id,
        "name": dataset.title,
        "description": dataset.description,
        "size": None,
        "projectId": dataset.project_id,
        "parentId": parent_id,
        "workspaceId": WORKSPACE_ID,
        "teamId": TEAM_ID,
        "imagesCount": dataset.images_count,
        "itemsCount": dataset.images_count,
        "createdAt": time_text(dataset.created_at),
        "updatedAt": time_text(dataset.updated_at),
    }


def sized(web: Web, view: View) -> View:
    return {**view, "size": str(web.store.datasets.sizes([view["id"]])[view["id"]])}


def _view(web: Web, dataset: Dataset) -> View:
    return sized(web, dataset_view(dataset, web.store.datasets.parent_id(dataset)))


@router.post("/datasets.list")
@large
def datasets_list(web: WebDep, body: OfProject) -> Response:
    web.store.projects.get(body.project_id)
    datasets = web.store.datasets.list(body.project_id)
    ids = {dataset.name: dataset.id for dataset in datasets}
    found = [
        dataset_view(dataset, ids.get(dataset.parent)) for dataset in datasets if body.recursive or not dataset.parent
    ]
    return list_reply(found, body, lambda view: sized(web, view))


@router.post("/datasets.info")
def datasets_info(web: WebDep, body: IdBody) -> Response:
    return reply(_view(web, web.store.datasets.get(body.id)))


@router.post("/datasets.add")
def datasets_add(web: WebDep, own: OwnDep, body: NewDataset) -> Response:
    own.require_project(body.project_id)
    require_name("dataset", body.name)
    if body.parent_id is not None and web.store.datasets.get(body.parent_id).name.count("/") + 2 > MAX_LEVELS:
        raise BadInput(f"datasets.add: a dataset lies in at most {MAX_LEVELS - 1} others")
    added = web.store.datasets.add(body.project_id, body.name, body.description or "", parent_id=body.parent_id)
    return reply(_view(web, added))


@router.post("/datasets.editInfo")
def datasets_edit(web: WebDep, body: EditDataset) -> Response:
    if body.name is not None:
        require_name("dataset", body.name)
    return reply(_view(web, web.store.datasets.edit(body.id, name=body.name, description=body.description)))


@router.post("/datasets.remove")
@router.post("/datasets.archive")
def datasets_remove(web: WebDep, body: IdBody) -> Response:
    web.store.datasets.remove(body.id)
    return reply({"success": True})


@router.post("/datasets.remove.permanently")
@large
def datasets_remove_many(web: WebDep, body: ManyDatasets) -> Response:
    if len(body.datasets) == 1:
        web.store.datasets.remove(body.datasets[0].id)
    else:
        web.store.datasets.remove_known([dataset.id for dataset in body.datasets])
    return reply({"success": True})
