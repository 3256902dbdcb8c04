"""Deployed models: deploying, asking, and who serves what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field, Json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent import library
from agent.domain import Task
from agent.errors import BadInput
from agent.store import agent_name
from agent.submission import TaskRequest, new_task
from agent.task_options import RequestedOptions
from web_stub.asking import INFERENCE, LIMIT_S, MOST_LIMIT_S
from web_stub.budget import BudgetRoute, large, unless_gone
from web_stub.context import Web, WebDep
from web_stub.image_hashes import image_hash
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID, Id
from web_stub.questions import AboutImage, aside, client_of, header_of, object_of, read_about_image
from web_stub.resources.deployed import Deployed, Inferred, OutputMeta, ServingTask, Times
from web_stub.resources.resource import Error
from web_stub.resources.tasks import QueuedTask
from web_stub.rest.payloads import Deploy

router = APIRouter(route_class=BudgetRoute, tags=["models"])

_ASKED: dict[int | str, dict[str, Any]] = {
    409: {"model": Error, "description": "not_deployed: no task serves the model"},
    410: {"model": Error, "description": "gone: the task has ended meanwhile"},
    422: {"model": Error, "description": "model_error: in the plugin's own words"},
    429: {"model": Error, "description": "too_many: requests wait already"},
    504: {"model": Error, "description": "timed_out: no answer within the limit"},
}
_LIMIT = Field(ge=0.01, le=MOST_LIMIT_S, description="seconds to wait for the answer")
_Number = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class _Question(AboutImage):
    mode: Json[dict[str, Any]] | dict[str, Any] = Field(default_factory=dict)
    annotation: Json[dict[str, Any]] | dict[str, Any] | None = None
    meta: Json[dict[str, Any]] | dict[str, Any] | None = None
    task: _Number | None = None
    limit_s: Annotated[float, _LIMIT] = LIMIT_S


def _text(description: str, kind: str = "string") -> dict[str, str]:
    return {"type": kind, "description": description}


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary", "description": "the file of an image"},
                        "image_id": _text("or an image of the library", "integer"),
                        "mode": _text("JSON: how the model is applied; by default to the whole image"),
                        "annotation": _text("JSON: what is known of the image; needs meta"),
                        "meta": _text("JSON: the meta of the project of the annotation"),
                        "task": _text("only this task", "integer"),
                        "limit_s": _text("seconds to wait for the answer; 60 by default", "number"),
                    },
                }
            }
        },
    }
}
_NO_META: dict[str, Any] = {"classes": [], "tags": []}


@router.post("/models/{model_id}/deploy", response_model=QueuedTask, status_code=201)
@large
def deploy_model(web: WebDep, model_id: Id, asked: Deploy) -> Response:
    """Queue a task that serves the model. An agent takes it as soon as one is free; it serves until it is stopped."""
    model = web.store.models.get(model_id)
    plugin = (
        asked.plugin
        if asked.plugin is not None
        else library.plugin_of_model(web.store, model, web.store.plugins.list())
    )
    if plugin is None:
        raise BadInput(f"model {model.name!r} does not say which plugin it belongs to; name one with `plugin`")
    request = TaskRequest(
        type="deploy",
        plugin=plugin,
        model=model.id,
        name=asked.name,
        config=asked.settings,
        options=RequestedOptions(
            engine=asked.engine, gpus=asked.gpus, restarts=asked.restarts, idle_limit_s=asked.idle_limit_s
        ),
    )
    task = web.store.tasks.add(new_task(web.store, web.settings, request))
    web.hub.touch()
    return json_response(web.cards.queued(task, ()), 201)


@router.get("/models/{model_id}/deployed", response_model=Deployed)
def list_deployed(web: WebDep, model_id: Id) -> Response:
    """The tasks that serve the model, or will; oldest first."""
    web.store.models.get(model_id)
    return json_response(Deployed(tasks=[_serving(web, task) for task in web.store.tasks.serving(model_id)]))


def _serving(web: Web, task: Task) -> ServingTask:
    waiting, running = web.broker.counts(task.id)
    return ServingTask(
        id=task.id,
        status=task.status,
        is_ready=web.asker.is_ready(task),
        waiting=waiting,
        running=running,
        agent=agent_name(task.agent_id) if task.agent_id else None,
        created_at=task.created_at,
    )


@router.post("/models/{model_id}/infer", response_model=Inferred, responses=_ASKED, openapi_extra=_FORM)
async def infer(web: WebDep, request: Request, model_id: Id) -> Response:
    """Ask a deployed model about one image: a file, or an image of the library."""
    return await answer_question(web, request, model_id)


async def answer_question(web: Web, request: Request, model_id: int) -> Response:
    """The answer of `infer`. Raises AgentError."""
    with web.broker.room.part() as room:
        question, image = await read_about_image(request, room, _Question)
        return await unless_gone(request, _infer(web, request, model_id, question, image))


async def _infer(web: Web, request: Request, model_id: int, question: _Question, image: bytes | None) -> Response:
    data: dict[str, Any] = {
        "request_type": INFERENCE,
        "meta": question.meta or _NO_META,
        "annotation": question.annotation,
        "mode": question.mode,
    }
    task = await web.asker.find(model_id, question.task)
    if image is None:
        assert question.image_id is not None
        known = await run_in_threadpool(web.store.images.get, question.image_id)
        data["image_hash"] = image_hash(known.sha256)
        width, height = known.width, known.height
    else:
        header = await aside(len(image), lambda: header_of(image))
        width, height = header.width, header.height
    annotation, meta, took = await web.asker.infer(
        task, data, image=image, client=client_of(request.scope), limit_s=question.limit_s
    )
    return json_response(
        Inferred(
            annotation=annotation, meta=meta, task=task.id, width=width, height=height, times=Times(**asdict(took))
        )
    )


@router.get("/models/{model_id}/output_meta", response_model=OutputMeta, responses=_ASKED)
async def get_output_meta(
    web: WebDep,
    request: Request,
    model_id: Id,
    mode: Annotated[str, Query(description="JSON: how the model is applied")] = "{}",
    meta: Annotated[str, Query(description="JSON: the meta of the images' project")] = "",
    task: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="only this task")] = None,
    limit_s: Annotated[float, Query(ge=0.01, le=MOST_LIMIT_S)] = LIMIT_S,
) -> Response:
    """The classes and tags of a deployed model's answers."""
    wanted, of = object_of(mode, "mode"), object_of(meta, "meta") if meta else _NO_META
    found = await web.asker.find(model_id, task)
    asking = web.asker.output_meta(found, wanted, of, client=client_of(request.scope), limit_s=limit_s)
    return json_response(OutputMeta(meta=await unless_gone(request, asking)))
