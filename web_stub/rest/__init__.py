"""The REST API under /api. Its contract is its OpenAPI, at /api/openapi.json."""

from __future__ import annotations

from fastapi import APIRouter

from web_stub.resources.resource import Error
from web_stub.rest import (
    care,
    charts,
    compared,
    deployed,
    evaluations,
    images,
    insights,
    library,
    models,
    predictions,
    projects,
    runs,
    space,
    streams,
    studies,
    task_images,
    tasks,
)

_ERRORS: dict[int | str, dict[str, object]] = {
    400: {"model": Error, "description": "The request is wrong; the sentence says where"},
    401: {"model": Error, "description": "The token is missing or wrong"},
    404: {"model": Error, "description": "Nothing by that id or name"},
    409: {"model": Error, "description": "The state of things does not allow this"},
    413: {"model": Error, "description": "The body is too large"},
    503: {"model": Error, "description": "The database is busy or refuses; try again"},
}

router = APIRouter(responses=_ERRORS)
for part in (  # deployed models first, for they are asked most often
    deployed, care, tasks, task_images, runs, compared, studies, evaluations, charts, streams, models, predictions,
    projects, insights, images, library, space,
):  # fmt: skip
    router.include_router(part.router)
