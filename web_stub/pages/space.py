"""The page of disk space. Measuring may take a moment, so the page's script asks for the figures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.pages.frame import page

router = APIRouter(include_in_schema=False)


@router.get("/space")
def space_page(request: Request) -> Response:
    return page(request, "space.html")
