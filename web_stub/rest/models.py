"""Models: list, look at, upload a tar, download one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from agent import library
from agent.domain import Model, Provenance
from agent.errors import BadInput, DiskFull, StorageFailed
from agent.settings import Settings
from web_stub.context import WebDep
from web_stub.downloads import blob_response
from web_stub.rest import schema
from web_stub.rest.library import Id
from web_stub.rest.tasks import Cursor
from web_stub.views import View, model_view

router = APIRouter(tags=["models"])

_WRITE = 4 << 20  # bytes gathered before the disk is asked
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


@router.get("/models", response_model=schema.ModelList)
def list_models(
    web: WebDep,
    name: Annotated[str | None, Query(description="exactly this name")] = None,
    task: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="made by this task")] = None,
    text: Annotated[str | None, Query(max_length=200, description="part of the name")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Cursor = None,
) -> View:
    """Models, newest first."""
    found = web.store.models.list(limit=limit + 1, before_id=cursor, name=name, task_id=task, text=text or None)
    shown = found[:limit]
    return {"items": [model_view(m) for m in shown], "next": shown[-1].id if len(found) > limit else None}


@router.get("/models/{model_id}", response_model=schema.Model)
def get_model(web: WebDep, model_id: Id) -> View:
    return model_view(web.store.models.get(model_id))


@router.post("/models", response_model=schema.Model, status_code=201, openapi_extra=_TAR_BODY)
async def upload_model(
    web: WebDep,
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=255)],
    only_train: Annotated[bool, Query(description="for transfer learning only: refused for inference")] = False,
    plugin: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="the plugin it was made for, by id")] = None,
) -> View:
    """Add a model state. The body is the tar itself; it is checked whole and every problem is listed."""
    origin = Provenance()
    if plugin is not None:
        known = await run_in_threadpool(web.store.plugins.get, plugin)
        origin = Provenance(plugin_id=known.id, plugin_image=known.reference, image_digest=known.image_digest)
    async with _received(request, web.settings) as tar:
        model: Model = await run_in_threadpool(
            library.add_model, web.store, web.artifacts, tar, name=name, only_train=only_train, provenance=origin
        )
    web.hub.touch()
    return model_view(model)


@router.get("/models/{model_id}/download", response_class=Response, responses=_TAR)
def download_model(web: WebDep, request: Request, model_id: Id) -> Response:
    """The model state as a tar. Takes Range, If-Range and If-None-Match."""
    model = web.store.models.get(model_id)
    return blob_response(
        request, web.artifacts, model.sha256, media_type="application/x-tar", filename=f"{model.name}.tar"
    )


@contextlib.asynccontextmanager
async def _received(request: Request, settings: Settings) -> AsyncIterator[Path]:
    """The body in a file that is gone afterwards."""
    folder = settings.home / "uploads"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as private, Path(private, "upload.tar").open("wb") as file:
            pending = bytearray()
            async for chunk in request.stream():
                pending += chunk
                if len(pending) >= _WRITE:
                    await run_in_threadpool(file.write, bytes(pending))
                    pending.clear()
            await run_in_threadpool(file.write, bytes(pending))
            await run_in_threadpool(file.flush)
            yield Path(file.name)
    except ClientDisconnect:
        raise BadInput("the upload ended before the whole tar was there; send it again") from None
    except OSError as e:
        if e.errno == 28:  # ENOSPC
            raise DiskFull(f"no space left in {folder} for the upload; make room or move AGENT_HOME") from e
        raise StorageFailed(f"the upload cannot be kept in {folder}: {e.strerror}") from e
