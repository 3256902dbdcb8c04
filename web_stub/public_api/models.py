"""Models: entries, tars down and up."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from agent import library
from agent.domain import Model, NewModel, Provenance, TaskStatus
from agent.errors import BadInput, NotFound
from web_stub.asking import GET_OUT_META
from web_stub.budget import BudgetRoute, large, unless_gone
from web_stub.context import Web, WebDep
from web_stub.downloads import blob_response
from web_stub.forms import pieces
from web_stub.public_api.account import require_workspace
from web_stub.public_api.envelope import (
    TEAM_ID,
    USER_ID,
    WORKSPACE_ID,
    Body,
    Id,
    IdBody,
    View,
    list_reply,
    page_reply,
    reply,
    require_name,
    time_text,
)
from web_stub.public_api.of_task import Own, OwnDep
from web_stub.public_api.plugins import PluginNumbers
from web_stub.public_api.projects import MANY, OfWorkspace
from web_stub.questions import aside, client_of, header_of, object_of, read_question
from web_stub.uploads import state_upload

router = APIRouter(route_class=BudgetRoute)

PATIENCE_S = 600.0  # of a question; clients of this API wait without a limit of their own
_HASH_LIMIT = 1000  # bytes; ours are shorter


class HashFor(Body):
    task_id: Id


class Question(Body):
    id: Id
    data: dict[str, Any] | str


class FromCheckpoint(IdBody):
    task_id: Id
    name: str


def model_view(model: Model, plugins: PluginNumbers) -> View:
    origin = model.provenance
    tag = origin.plugin_image.rpartition(":")[2] if origin.plugin_image and ":" in origin.plugin_image else "latest"
    return {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "config": dict(model.config) if model.config is not None else None,
        "hash": model.upload_hash or model.sha256,
        "onlyTrain": model.only_train,
        "pluginId": plugins.of_model(model),
        "pluginVersion": tag,
        "size": str(model.size_bytes),
        "weightsLocation": "uploaded",
        "readme": "",
        "taskId": origin.task_id,
        "userId": USER_ID,
        "teamId": TEAM_ID,
        "workspaceId": WORKSPACE_ID,
        "createdAt": time_text(model.created_at),
        "updatedAt": time_text(model.updated_at),
    }


@router.post("/models.list")
@large
def models_list(web: WebDep, body: OfWorkspace) -> Response:
    require_workspace(body.workspace_id)
    name = body.wanted_name
    plugins = PluginNumbers(web)
    if len(body.filter) > (name is not None) or not body.is_by_number:
        found = web.store.models.list(limit=MANY, name=name)
        return list_reply([model_view(model, plugins) for model in found], body)
    page = web.store.models.page(limit=body.page_size, offset=body.offset, ascending=body.is_ascending, name=name)
    return page_reply([model_view(model, plugins) for model in page.values], page.total, body)


@router.post("/models.info")
def models_info(web: WebDep, body: IdBody) -> Response:
    return reply(model_view(_get(web, body.id), PluginNumbers(web)))


@router.post("/models.info.deployed")
def models_info_deployed(web: WebDep, body: IdBody) -> Response:
    """Tasks that serve this model, or will; oldest first, as clients take the first and wait until it is deployed."""
    _get(web, body.id)
    serving = web.store.tasks.serving(body.id)
    return reply([{"id": task.id} for task in serving if task.status is not TaskStatus.TERMINATING])


@router.post("/models.infer")
async def models_infer(web: WebDep, request: Request) -> Response:
    """Ask a deployed model: multipart `id`, `data` (JSON) and `image`, or JSON. The answer is as the model gave it.

    The file counts only where `data` names no image of the library: clients send a small one along.
    """
    with web.broker.room.part() as room:
        fields, image = await read_question(request, room)
        try:
            asked = Question.model_validate(fields)
        except ValidationError as error:
            raise BadInput("; ".join(f"models.infer: {e['loc'][0]}: {e['msg']}" for e in error.errors())) from None
        text = asked.data if isinstance(asked.data, str) else None
        data: Any = (
            asked.data if text is None else await aside(len(text), lambda: object_of(text, "models.infer: data"))
        )
        if data.get("image_hash") is not None or data.get("request_type") == GET_OUT_META:
            image = None
        elif image is None:
            raise BadInput("models.infer needs an image: the file part 'image', or an image_hash in data")
        else:
            await aside(len(image), partial(header_of, image))
        return await unless_gone(request, _infer(web, request, asked.id, data, image))


async def _infer(web: Web, request: Request, model_id: int, data: dict[str, Any], image: bytes | None) -> Response:
    task = await web.asker.find((await run_in_threadpool(_get, web, model_id)).id)
    said, _ = await web.asker.ask(task, data, image=image, client=client_of(request.scope), limit_s=PATIENCE_S)
    return reply({**said, "success": True})


@router.post("/models.download")
def models_download(web: WebDep, request: Request, body: IdBody) -> Response:
    model = _get(web, body.id)
    return blob_response(
        request, web.artifacts, model.sha256, media_type="application/x-tar", filename=f"{model.name}.tar"
    )


@router.post("/models.remove")
def models_remove(web: WebDep, body: IdBody) -> Response:
    """To the trash, where clients do not see it any more; never a model that is pinned or that a task starts from."""
    _get(web, body.id)
    web.store.models.remove(body.id)
    web.hub.touch()
    return reply({"success": True})


@router.post("/models.create-from-checkpoint")
def models_create_from_checkpoint(web: WebDep, body: FromCheckpoint) -> Response:
    """A further model with the state of a checkpoint, under its own name. Done at once, so the reply names no task."""
    require_name("model", body.name)
    checkpoint = web.store.checkpoints.get(body.id)
    if checkpoint.task_id != body.task_id or checkpoint.model_id is None:
        raise BadInput(f"checkpoint {body.id} of task {checkpoint.task_id} has no model state to make a model of")
    known = web.store.models.get(checkpoint.model_id)
    web.store.models.add(NewModel(body.name, known.sha256, known.size_bytes, known.config, provenance=known.provenance))
    web.hub.touch()
    return reply({"taskId": None})


# ---------------------------------------------------------------- up


@router.post("/models.hash.create")
def models_hash_create(web: WebDep, own: OwnDep, body: HashFor) -> Response:
    """Reserve a model of this task: clients see it when its tar has been uploaded under this hash."""
    own.require_task(body.task_id)
    task = web.store.tasks.get(body.task_id)
    origin = Provenance(
        task_id=task.id,
        plugin_id=task.plugin_id,
        plugin_image=_reference(web, task.plugin_id),
        image_digest=task.image_digest,
        project_id=task.project_id,
        parent_model_id=task.model_id,
        train_config=task.config,
    )
    upload_hash = f"{secrets.token_urlsafe(24)}/{secrets.token_hex(32)}.tar"
    return reply({"id": web.store.models.reserve(upload_hash, task.name, origin), "hash": upload_hash})


@router.post("/models.upload")
async def models_upload(web: WebDep, own: OwnDep, request: Request) -> Response:
    """Multipart: the text `hash` and the file `weights`, a model state tar, in any order."""
    given = bytearray()
    seen = False
    async with state_upload(request, web.artifacts, name="weights") as upload:
        async for piece in pieces(request):
            if piece.name == "hash":
                given += piece.data
                if len(given) > _HASH_LIMIT:
                    raise BadInput("models.upload: the part 'hash' is longer than any hash")
            elif piece.name == "weights":
                seen = True
                await run_in_threadpool(upload.write, piece.data)
        if not given or not seen:
            raise BadInput("models.upload takes the text part 'hash' and the file part 'weights'")
        model = await run_in_threadpool(_fill, web, own, given.decode("utf-8", "replace"), upload)
    web.hub.touch()
    return reply(model_view(model, PluginNumbers(web)))


def _get(web: Web, model_id: int) -> Model:
    """The model, unless it was removed. NotFound."""
    model = web.store.models.get(model_id)
    if model.deleted_at is not None:
        raise NotFound(f"Model {model_id} was removed; `agent model restore {model_id}` brings it back.")
    return model


def _fill(web: Web, own: Own, upload_hash: str, upload: library.StateUpload) -> Model:
    try:
        own.require_model(web.store.models.reserved(upload_hash))
    except NotFound:  # a 404 would be None to some clients
        raise BadInput("models.upload: this hash was not made by models.hash.create of this server") from None
    return library.fill_model(web.store, web.artifacts, upload_hash, upload)


def _reference(web: Web, plugin_id: int) -> str | None:
    try:
        return web.store.plugins.get(plugin_id).reference
    except NotFound:
        return None
