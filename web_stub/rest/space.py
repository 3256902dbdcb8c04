"""What takes the space, and models in and out of the trash."""

from __future__ import annotations

from datetime import datetime

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from agent.space import measure
from web_stub.context import WebDep
from web_stub.jsons import encode
from web_stub.rest import schema
from web_stub.rest.library import Id
from web_stub.rest.schema import Out
from web_stub.views import View, model_view

router = APIRouter(tags=["space"])


class TaskSpace(Out):
    id: int
    name: str
    status: str
    folder_bytes: int
    models: int
    models_bytes: int


class ModelSpace(Out):
    id: int
    name: str
    size_bytes: int
    task_id: int | None
    pinned: bool


class ProjectSpace(Out):
    id: int
    name: str
    images_count: int
    size_bytes: int


class TrashSpace(Out):
    id: int
    name: str
    size_bytes: int
    until: datetime


class ImageSpace(Out):
    name: str
    size_bytes: int


class ImagesSeen(Out):
    seen_at: datetime
    items: list[ImageSpace]


class Space(Out):
    disk_total_bytes: int
    disk_free_bytes: int
    store_bytes: int | None = Field(description="null for a database server")
    blobs_count: int
    blobs_bytes: int
    unnamed_bytes: int = Field(description="of blobs that no model and no image names")
    folders_bytes: int = Field(description="of all task folders")
    tasks: list[TaskSpace]
    models: list[ModelSpace]
    projects: list[ProjectSpace]
    trash: list[TrashSpace]
    images: ImagesSeen | None = Field(description="as an agent last saw them; null when none has looked")


@router.get("/space", response_model=Space)
def get_space(web: WebDep) -> Response:
    """Measured now: the largest tasks, models and projects, the trash, images built here."""
    found = msgspec.to_builtins(measure(web.store, web.artifacts, web.settings))
    return Response(encode(found), media_type="application/json")


@router.delete("/models/{model_id}", response_model=schema.Model)
def remove_model(web: WebDep, model_id: Id) -> View:
    """To the trash; never one that is pinned or that a task starts from."""
    model = web.store.retention.trash(model_id)
    web.hub.touch()
    return model_view(model)


@router.post("/models/{model_id}/restore", response_model=schema.Model)
def restore_model(web: WebDep, model_id: Id) -> View:
    """Out of the trash; one that is not in it stays as it is."""
    model = web.store.retention.restore(model_id)
    web.hub.touch()
    return model_view(model)


@router.post("/models/{model_id}/pin", response_model=schema.Model)
def pin_model(web: WebDep, model_id: Id) -> View:
    """Kept whatever the retention policy says."""
    return model_view(web.store.retention.pin(model_id))


@router.post("/models/{model_id}/unpin", response_model=schema.Model)
def unpin_model(web: WebDep, model_id: Id) -> View:
    return model_view(web.store.retention.pin(model_id, pinned=False))
