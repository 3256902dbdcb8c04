"""Models: lists, properties, files, lineage; tars up and down."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from agent import domain, library
from agent.domain import Provenance
from agent.errors import BadInput
from agent.formats import model_state
from web_stub.budget import BudgetRoute, large
from web_stub.context import WebDep
from web_stub.downloads import blob_response
from web_stub.json_response import json_response
from web_stub.lineage import lineage_of
from web_stub.lists import ModelListQuery, model_list
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.models import Lineage, Model, ModelFile, ModelFiles, ModelList
from web_stub.uploads import state_upload

router = APIRouter(route_class=BudgetRoute, tags=["models"])

_FILES = 1000  # listed of a tar
_WRITE = 1 << 20  # bytes gathered before the disk is asked: more would have left the cache before they are hashed
_TAR_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_TAR: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/x-tar": {}}, "description": "The tar, or what is needed of it"},
    206: {"content": {"application/x-tar": {}}, "description": "The range asked for"},
    304: {"description": "The client has it already"},
    416: {"description": "The range lies outside the tar"},
}


@router.get("/models", response_model=ModelList)
@large
def list_models(web: WebDep, query: Annotated[ModelListQuery, Query()]) -> Response:
    """Models, newest first unless sorted by name, size or task."""
    return json_response(model_list(web.store, query))


@router.get("/models/{model_id}", response_model=Model)
def get_model(web: WebDep, model_id: Id) -> Response:
    return json_response(Model.of(web.store.models.get(model_id)))


@router.get("/models/{model_id}/files", response_model=ModelFiles)
@large
def list_files(web: WebDep, model_id: Id) -> Response:
    """What is in the tar, in its order. Only headers are read, so large weights cost nothing."""
    model = web.store.models.get(model_id)
    with web.artifacts.open(model.sha256) as tar:
        found = model_state.members(tar)
    files = [ModelFile(name=member.name, size_bytes=member.size_bytes) for member in found[:_FILES]]
    size_bytes = sum(member.size_bytes for member in found)
    return json_response(ModelFiles(items=files, count=len(found), size_bytes=size_bytes))


@router.get("/models/{model_id}/lineage", response_model=Lineage)
@large
def get_lineage(web: WebDep, model_id: Id) -> Response:
    """The models it was trained from, the task that made it, and the tasks that start from it."""
    return json_response(lineage_of(web.store.models.get(model_id), web.store, web.cards))


@router.post("/models", response_model=Model, status_code=201, openapi_extra=_TAR_BODY)
async def upload_model(
    web: WebDep,
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=255)],
    only_train: Annotated[bool, Query(description="for transfer learning only: refused for inference")] = False,
    plugin: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="the plugin it was made for, by id")] = None,
) -> Response:
    """Add a model state. The body is the tar itself; it is checked whole and every problem is listed.

    A state that is known already belongs to `plugin` then, unless it belongs to another: then it is added once more.
    """
    origin = Provenance()
    if plugin is not None:
        known = await run_in_threadpool(web.store.plugins.get, plugin)
        origin = library.origin_of(known)
    async with state_upload(request, web.artifacts, name=name) as upload:
        await _receive(request, upload)
        model: domain.Model = await run_in_threadpool(
            library.add_model, web.store, web.artifacts, upload, name=name, only_train=only_train, provenance=origin
        )
    web.hub.touch()
    return json_response(Model.of(model), 201)


@router.get("/models/{model_id}/download", response_class=Response, responses=_TAR)
def download_model(web: WebDep, request: Request, model_id: Id) -> Response:
    """The model state as a tar. Takes Range, If-Range and If-None-Match."""
    model = web.store.models.get(model_id)
    return blob_response(
        request, web.artifacts, model.sha256, media_type="application/x-tar", filename=f"{model.name}.tar"
    )


async def _receive(request: Request, upload: library.StateUpload) -> None:
    """Write the body into the upload as it comes, a few megabytes at a time."""
    pending = bytearray()
    try:
        async for chunk in request.stream():
            pending += chunk
            if len(pending) >= _WRITE:
                await run_in_threadpool(upload.write, bytes(pending))
                pending.clear()
    except ClientDisconnect:
        raise BadInput("the upload ended before the whole tar was there; send it again") from None
    await run_in_threadpool(upload.write, bytes(pending))
