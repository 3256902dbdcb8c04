"""The public API of the real instance, /public/api/v3, as its official clients speak it (contract: web_api.md).

One module per noun. Every method is a POST of a JSON object in which unknown keys are ignored. Any other method is
refused by its name, which the clients show (`not_offered.py`).
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.public_api import (
    account,
    agents,
    annotations,
    datasets,
    image_tags,
    images,
    models,
    plugins,
    projects,
    tasks,
)
from web_stub.public_api.not_offered import refusal

PREFIX = "/public/api/v3"

_PARTS = (account, agents, plugins, projects, datasets, images, image_tags, annotations, models, tasks)
METHODS = frozenset(getattr(route, "path", "").removeprefix("/") for part in _PARTS for route in part.router.routes)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)


@router.api_route("/{method:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
def not_here(request: Request, method: str) -> Response:
    """Any other method, or a method of ours by another verb."""
    return refusal(method, request.method, METHODS)
