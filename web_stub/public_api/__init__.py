"""The public API of the real instance, /public/api/v3, as its official clients speak it (contract: web_api.md).

One module per noun. Every method is a POST of a JSON object in which unknown keys mean nothing. What we
do not have answers 501 with its name, which the clients show.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.guard import error_response
from web_stub.public_api import datasets, images, labels, models, projects, structure, tasks

PREFIX = "/public/api/v3"

router = APIRouter()
for part in (structure, projects, datasets, images, labels, models, tasks):
    router.include_router(part.router)


@router.api_route("/{method:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
def not_here(request: Request, method: str) -> Response:
    """Any other method. 501 is what no generation of the client tries again."""
    verb = "" if request.method == "POST" else f" by {request.method}"
    return error_response(501, f"this local instance has no method {method!r}{verb}", {"method": method})
