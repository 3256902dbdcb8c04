"""The pages of studies."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from agent.domain import Model, Plugin
from agent.errors import NotFound
from agent.library.bulk import Noun, shelf
from web_stub.context import Web, WebDep
from web_stub.pages.frame import find, page
from web_stub.study_views import study_list, whole_study

router = APIRouter(include_in_schema=False)

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    has_page: bool


@router.get("/studies")
def studies_page(request: Request, web: WebDep) -> Response:
    return page(request, "studies.html", first=study_list(web.store, _SHOWN))


@router.get("/studies/{study_id}")
def study_page(request: Request, web: WebDep, study_id: int) -> Response:
    study = find(web.store.studies.get, study_id, "study")
    task = study.task
    first = {
        "study": whole_study(web.store, study),
        "plugin": _part(web, "plugin", task.plugin_id),
        "project": _part(web, "project", task.project_id),
        "model": _part(web, "model", task.model_id),
    }
    return page(request, "study.html", first=first, study=study)


def _part(web: Web, noun: Noun, id_: int) -> _Part:
    """A study outlives what it was started with."""
    try:
        thing = shelf(web.store, noun).get_anywhere(id_)
    except NotFound:
        return _Part(f"{noun} {id_}, deleted", has_page=False)
    name = thing.title if isinstance(thing, Plugin) else thing.name
    if thing.deleted_at is None:
        return _Part(name, has_page=True)
    return _Part(f"{name} (in the trash)", has_page=isinstance(thing, Model))
