"""Disk space, and the models that the retention policy does not touch."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from agent import domain
from agent.library.usage import measure
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response
from web_stub.parameters import Id
from web_stub.resources.installation import Space
from web_stub.resources.models import Model

router = APIRouter(route_class=BudgetRoute, tags=["space"])


@router.get("/space", response_model=Space)
@large
def get_space(web: WebDep) -> Response:
    """Measured now: the largest tasks, models and projects, the trash, images built here."""
    return json_response(Space.of(measure(web.store, web.artifacts, web.settings)))


@router.post("/models/{model_id}/pin", response_model=Model)
def pin_model(web: WebDep, model_id: Id) -> Response:
    """Kept whatever the retention policy says."""
    return _changed(web, web.store.models.pin(model_id))


@router.post("/models/{model_id}/unpin", response_model=Model)
def unpin_model(web: WebDep, model_id: Id) -> Response:
    return _changed(web, web.store.models.pin(model_id, pinned=False))


def _changed(web: Web, model: domain.Model) -> Response:
    web.hub.touch()
    return json_response(Model.of(model))
