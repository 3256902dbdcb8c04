"""The page of the table of runs. Its script asks for the rows that the address names."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.pages.frame import page

router = APIRouter(include_in_schema=False)


@router.get("/runs")
def runs_page(request: Request) -> Response:
    return page(request, "runs.html")
