"""What people do with their tasks, models, projects and plugins: words, the archive, the trash; one or many at once.

Every noun has the same addresses. What is deleted for good is gone from here at once; an agent, which may talk to
engines, deletes its folders and rows within a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from agent.library.bulk import MOST, Noun, Outcome, Wish, act, shelf, weigh
from agent.library.parting import what_goes
from web_stub.budget import BudgetRoute, large
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.resources import outcomes
from web_stub.resources.installation import Plugin
from web_stub.resources.models import Model
from web_stub.resources.projects import ProjectDetail
from web_stub.resources.resource import Resource
from web_stub.resources.tasks import TaskDetail
from web_stub.rest.payloads import Bulk, Edit

router = APIRouter(route_class=BudgetRoute)

Show = Callable[[Web, Any], Resource]  # a value of the store as its resource

ForGood = Annotated[bool, Query(description="not into the trash: it does not come back")]
Ids = Annotated[list[int], Query(min_length=1, max_length=MOST)]
_GONE: dict[int | str, dict[str, Any]] = {204: {"description": "Deleted for good"}}


@router.get("/tasks/weight", response_model=outcomes.Weight, tags=["tasks"])
@large
def weigh_tasks(web: WebDep, ids: Ids) -> Response:
    """What removing these tasks is about: lines, folders, and what they made."""
    return json_response(outcomes.Weight.of(weigh(web.store, web.settings, ids)))


@router.post("/tasks/{task_id}/archive", response_model=TaskDetail, tags=["tasks"])
def archive_task(web: WebDep, task_id: Id) -> Response:
    """Leave an ended task out of lists."""
    return _changed(web, "task", task_id, Wish(action="archive"), _task)


@router.post("/tasks/{task_id}/unarchive", response_model=TaskDetail, tags=["tasks"])
def unarchive_task(web: WebDep, task_id: Id) -> Response:
    return _changed(web, "task", task_id, Wish(action="unarchive"), _task)


def _add_routes(noun: Noun, shape: type[Resource], show: Show) -> None:
    """The addresses that every noun has."""
    address, tags = f"/{noun}s", [f"{noun}s"]
    one = f"{address}/{{{noun}_id}}"
    at = Path(alias=f"{noun}_id", ge=1, le=LARGEST_ID)

    @large
    def weigh_deletion(web: WebDep, ids: Ids) -> Response:
        """What deleting these for good is about, for the person who is to confirm it; nothing is deleted."""
        sentence = what_goes(web.store, web.settings, noun, ids)
        return json_response(outcomes.Deletion(sentence=sentence))

    @large
    def change_many(web: WebDep, asked: Bulk) -> Response:
        """The same for many. Each has its outcome: the refusal of one keeps nobody from the others."""
        done = act(web.store, noun, asked.ids, asked.wish())
        web.hub.touch()
        return json_response(outcomes.OutcomeList(items=[outcomes.Outcome.of(outcome) for outcome in done]))

    def edit(web: WebDep, asked: Edit, id_: int = at) -> Response:
        """Change name, notes and tags; what is left out stays."""
        wish = Wish(action="edit", name=asked.name, notes=asked.notes, tag=asked.tag, untag=asked.untag)
        return _changed(web, noun, id_, wish, show)

    def remove(web: WebDep, id_: int = at, for_good: ForGood = False) -> Response:
        """To the trash; never what something needs."""
        if not for_good:
            return _changed(web, noun, id_, Wish(action="remove"), show)
        _done(web, noun, id_, Wish(action="delete"))
        return Response(status_code=204)

    def restore(web: WebDep, id_: int = at) -> Response:
        """Out of the trash, with what it needs; what is not in it stays as it is."""
        return _changed(web, noun, id_, Wish(action="restore"), show)

    def route(method: str, path: str, handler: Callable[..., Response], name: str, **more: Any) -> None:
        router.add_api_route(path, handler, methods=[method], tags=[*tags], name=f"{name}_{noun}", **more)

    route("GET", f"{address}/deletion", weigh_deletion, "weigh_deletion", response_model=outcomes.Deletion)
    route("POST", f"{address}/bulk", change_many, "change_many", response_model=outcomes.OutcomeList)
    if noun != "plugin":  # a plugin is called what its folder or image says
        route("PATCH", one, edit, "edit", response_model=shape)
    route("DELETE", one, remove, "remove", response_model=shape, responses=_GONE)
    route("POST", f"{one}/restore", restore, "restore", response_model=shape)


def _done(web: Web, noun: Noun, id_: int, wish: Wish) -> Outcome:
    """Raises the refusal."""
    (outcome,) = act(web.store, noun, [id_], wish)
    if outcome.failure is not None:
        raise outcome.failure
    web.hub.touch()
    return outcome


def _changed(web: Web, noun: Noun, id_: int, wish: Wish, show: Show) -> Response:
    _done(web, noun, id_, wish)
    return json_response(show(web, shelf(web.store, noun).get_anywhere(id_)))


def _task(web: Web, task: Any) -> Resource:
    return web.cards.detail(task)


_add_routes("task", TaskDetail, _task)
_add_routes("model", Model, lambda _, model: Model.of(model))
_add_routes("project", ProjectDetail, lambda _, project: ProjectDetail.of(project))
_add_routes("plugin", Plugin, lambda _, plugin: Plugin.of(plugin))
