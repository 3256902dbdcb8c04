"""Studies: lists, one with its trials, the beginning and the end of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from agent.submission import config_notes, new_task
from agent.tuning.extra import require_optuna
from agent.tuning.request import example_of, new_study, require_fitting_trials
from agent.tuning.space_objects import space_of
from agent.tuning.stop import stop
from web_stub.budget import BudgetRoute, large
from web_stub.context import WebDep
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources.studies import BegunStudy, Study, StudyList
from web_stub.rest.payloads import NewStudy
from web_stub.study_views import begun_study, study_list, whole_study

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


@router.post("/studies", response_model=BegunStudy, status_code=201)
@large
def begin_study(web: WebDep, asked: NewStudy) -> Response:
    """Begin a study, checked as `agent tune` checks it. An agent that takes tasks from the queue goes on with it.

    409 where the extra `tune` is not installed. `notes` say what in the request may be a slip.
    """
    require_optuna()
    space = space_of(asked.space)
    request = replace(asked.task_request(space.fixed), is_whole=False)
    task = new_task(web.store, web.settings, request, artifacts=web.artifacts)
    plugin = web.store.plugins.get(task.plugin_id)
    require_fitting_trials(plugin, space, task)
    study = web.store.studies.add(new_study(web.store, asked.study_request(), space, task))
    web.hub.touch()
    notes = config_notes(plugin, example_of(space, task))
    return json_response(begun_study(web.store, study, notes), 201)


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
