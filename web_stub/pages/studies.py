"""The pages of studies."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from web_stub.context import WebDep
from web_stub.pages.choices import choices
from web_stub.pages.frame import find, page
from web_stub.study_views import study_list, whole_study

router = APIRouter(include_in_schema=False)

_SHOWN = 100


@router.get("/studies")
def studies_page(request: Request, web: WebDep) -> Response:
    return page(request, "studies.html", first=study_list(web.store, _SHOWN))


@router.get("/studies/new")
def new_study_page(request: Request, web: WebDep) -> Response:
    return page(request, "new_study.html", first=choices(web.store, "train", None, None, None))


@router.get("/studies/{study_id}")
def study_page(request: Request, web: WebDep, study_id: int) -> Response:
    study = find(web.store.studies.get, study_id, "study")
    return page(request, "study.html", first=whole_study(web.store, study), study=study)
