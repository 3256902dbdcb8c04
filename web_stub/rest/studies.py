"""Studies: lists, one with its trials, the end of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from agent.tuning.stop import stop
from web_stub.budget import BudgetRoute, large
from web_stub.context import WebDep
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.studies import Study, StudyList
from web_stub.study_views import study_list, whole_study

router = APIRouter(route_class=BudgetRoute, tags=["studies"])


@router.get("/studies", response_model=StudyList)
@large
def list_studies(
    web: WebDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="`next` of the page before")] = None,
) -> Response:
    """Newest first. 409 where there are studies and the extra `tune` is not installed, as for one study."""
    return json_response(study_list(web.store, limit, before))


@router.get("/studies/{study_id}", response_model=Study)
@large
def get_study(web: WebDep, study_id: Id) -> Response:
    """The study with every trial, the best of them, and which parameters matter."""
    return json_response(whole_study(web.store, web.store.studies.get(study_id)))


@router.post("/studies/{study_id}/stop", response_model=Study)
@large
def stop_study(web: WebDep, study_id: Id) -> Response:
    """No more trials, and the running tasks are asked to stop. A study that has ended stays as it ended."""
    stopped = stop(web.store, study_id)
    web.hub.touch()
    return json_response(whole_study(web.store, stopped))
