"""Images that a task logged: by name and step, and their bytes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent.errors import BadInput
from web_stub.budget import BudgetRoute, large
from web_stub.context import WebDep
from web_stub.json_response import json_response
from web_stub.paging import cut
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.task_images import THUMBNAIL, TaskImage, TaskImageList, TaskImageNames
from web_stub.rest import pictures

router = APIRouter(route_class=BudgetRoute, prefix="/tasks/{task_id}/images", tags=["task images"])


@router.get("", response_model=TaskImageList)
@large
def list_task_images(
    web: WebDep,
    task_id: Id,
    name: Annotated[str | None, Query(max_length=500)] = None,
    step: Annotated[float | Literal["none"] | None, Query(description="none: those without a step")] = None,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID, description="images with a larger id")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """The images that a task logged, in the order they were kept."""
    web.store.tasks.get(task_id)
    if isinstance(step, float) and not math.isfinite(step):
        raise BadInput("step must be a finite number, or none")
    images = web.store.task_images
    shown, after_shown = cut(images.list(task_id, name=name, step=step, after_id=after, limit=limit + 1), limit)
    total = images.count(task_id, name=name, step=step)
    return json_response(TaskImageList(items=[TaskImage.of(one) for one in shown], next=after_shown, total=total))


@router.get("/names", response_model=TaskImageNames)
@large
def list_task_image_names(web: WebDep, task_id: Id) -> Response:
    """Which names and steps there are."""
    web.store.tasks.get(task_id)
    return json_response(TaskImageNames.of(web.store.task_images.names(task_id)))


@router.get("/{image_id}/file", response_class=Response, responses=pictures.FILE)
def get_task_image_file(web: WebDep, request: Request, task_id: Id, image_id: Id) -> Response:
    """The image's bytes as the plugin wrote them. Takes Range, If-Range and If-None-Match."""
    return pictures.file_of(web, request, web.store.task_images.get(task_id, image_id))


@router.get("/{image_id}/picture", response_class=Response, responses=pictures.PICTURE)
async def get_task_image_picture(web: WebDep, request: Request, task_id: Id, image_id: Id) -> Response:
    """The image for a browser: its own bytes where every browser shows them, else a PNG."""
    image = await run_in_threadpool(web.store.task_images.get, task_id, image_id)
    return await pictures.picture_of(web, request, image)


@router.get("/{image_id}/thumbnail", response_class=Response, responses=pictures.THUMBNAIL)
async def get_task_image_thumbnail(
    web: WebDep,
    request: Request,
    task_id: Id,
    image_id: Id,
    size: pictures.Size = THUMBNAIL,
    of: pictures.Of = "",
) -> Response:
    """The image upright as WebP, never larger than it is."""
    image = await run_in_threadpool(web.store.task_images.get, task_id, image_id)
    return await pictures.thumbnail_of(web, request, image, size, of)
