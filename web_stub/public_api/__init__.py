"""The public API of the real instance, /public/api/v3, as its official clients speak it (contract: web_api.md).

One module per noun. Every method is a POST of a JSON object in which unknown keys mean nothing. Any other
method is refused by its name, which the clients show (`missing.py`).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.public_api import datasets, image_tags, images, labels, models, plugins, projects, structure, tasks
from web_stub.public_api.missing import refusal

PREFIX = "/public/api/v3"

_PARTS = (structure, plugins, projects, datasets, images, image_tags, labels, models, tasks)
METHODS = frozenset(getattr(route, "path", "").removeprefix("/") for part in _PARTS for route in part.router.routes)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)


@router.api_route("/{method:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
def not_here(request: Request, method: str) -> Response:
    """Any other method, or one of ours by another verb."""
    return refusal(method, request.method, METHODS)
