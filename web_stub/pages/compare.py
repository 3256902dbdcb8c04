"""The page of compared runs. Its address says which; its script asks for them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.pages.frame import page

router = APIRouter(include_in_schema=False)


@router.get("/compare")
def compare_page(request: Request) -> Response:
    return page(request, "compare.html")
