"""The pages of evaluations. Their scripts ask for what the address names."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.context import WebDep
from web_stub.pages.frame import find, page

router = APIRouter(include_in_schema=False)


@router.get("/evaluations")
def evaluations_page(request: Request) -> Response:
    return page(request, "evaluations.html")


@router.get("/evaluations/{evaluation_id}")
def evaluation_page(request: Request, web: WebDep, evaluation_id: int) -> Response:
    evaluation = find(web.store.evaluations.get, evaluation_id, "evaluation")
    return page(request, "evaluation.html", evaluation=evaluation, first={"id": evaluation.id})
