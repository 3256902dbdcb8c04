"""Models: entries, tars down and up."""

from __future__ import annotations

import hmac
import secrets
import tempfile
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from agent import library
from agent.domain import Model, Provenance
from agent.errors import BadInput, NotFound
from web_stub.context import Web, WebDep
from web_stub.downloads import blob_response
from web_stub.public_api.projects import MANY, OfWorkspace
from web_stub.public_api.structure import plugin_number, require_workspace
from web_stub.public_api.wire import (
    TEAM_ID,
    USER_ID,
    WORKSPACE_ID,
    Body,
    Id,
    IdBody,
    View,
    list_reply,
    reply,
    time_text,
)

router = APIRouter()

_COPY = 4 << 20


class HashFor(Body):
    task_id: Id


def model_view(web: Web, model: Model) -> View:
    origin = model.provenance
    tag = origin.plugin_image.rpartition(":")[2] if origin.plugin_image and ":" in origin.plugin_image else "latest"
    return {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "config": dict(model.config) if model.config is not None else None,
        "hash": model.sha256,
        "onlyTrain": model.only_train,
        "pluginId": plugin_number(web, plugin_id_of(web, model)),
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


def plugin_id_of(web: Web, model: Model) -> int | None:
    """The plugin a model belongs to; of one that came without, the only plugin there is."""
    if model.provenance.plugin_id is not None:
        return model.provenance.plugin_id
    plugins = web.store.plugins.list()
    return plugins[0].id if len({plugin.image for plugin in plugins}) == 1 else None


@router.post("/models.list")
def models_list(web: WebDep, body: OfWorkspace) -> Response:
    require_workspace(body.workspace_id)
    name = next((rule.value for rule in body.filter if rule.field == "name" and rule.operator == "="), None)
    found = web.store.models.list(limit=MANY, name=name if isinstance(name, str) else None)
    return list_reply([model_view(web, model) for model in found], body)


@router.post("/models.info")
def models_info(web: WebDep, body: IdBody) -> Response:
    return reply(model_view(web, web.store.models.get(body.id)))


@router.post("/models.info.deployed")
def models_info_deployed(web: WebDep, body: IdBody) -> Response:
    """Tasks that serve this model: none, this local instance deploys nothing."""
    web.store.models.get(body.id)
    return reply([])


@router.post("/models.download")
def models_download(web: WebDep, request: Request, body: IdBody) -> Response:
    model = web.store.models.get(body.id)
    return blob_response(
        request, web.artifacts, model.sha256, media_type="application/x-tar", filename=f"{model.name}.tar"
    )


# ---------------------------------------------------------------- up


@router.post("/models.hash.create")
def models_hash_create(web: WebDep, body: HashFor) -> Response:
    """A word that allows one task's model to be uploaded. It is signed, so none need be remembered."""
    web.store.tasks.get(body.task_id)
    nonce = secrets.token_hex(6)
    return reply({"id": int(nonce, 16), "hash": _signed(web, body.task_id, nonce)})


@router.post("/models.upload")
async def models_upload(web: WebDep, request: Request) -> Response:
    """Multipart: the text `hash` and the file `weights`, a model state tar."""
    async with request.form(max_files=1) as form:
        given, weights = form.get("hash"), form.get("weights")
        if not isinstance(given, str) or not isinstance(weights, UploadFile):
            raise BadInput("models.upload takes the text part 'hash' and the file part 'weights'")
        model = await run_in_threadpool(_add, web, given, weights)
    web.hub.touch()
    return reply(model_view(web, model))


def _add(web: Web, given: str, weights: UploadFile) -> Model:
    task_id, _, rest = given.partition("/")
    nonce = rest.partition("/")[0]
    if not task_id.isdigit() or not hmac.compare_digest(_signed(web, int(task_id), nonce).encode(), given.encode()):
        raise BadInput("this hash was not made by models.hash.create of this server")
    task = web.store.tasks.get(int(task_id))
    folder = web.settings.home / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as private:
        tar = Path(private, "weights.tar")
        with tar.open("wb") as out:
            while chunk := weights.file.read(_COPY):
                out.write(chunk)
        origin = Provenance(
            task_id=task.id,
            plugin_id=task.plugin_id,
            plugin_image=_reference(web, task.plugin_id),
            image_digest=task.image_digest,
            project_id=task.project_id,
            parent_model_id=task.model_id,
            train_config=task.config,
        )
        return library.add_model(web.store, web.artifacts, tar, name=task.name, provenance=origin)


def _reference(web: Web, plugin_id: int) -> str | None:
    try:
        return web.store.plugins.get(plugin_id).reference
    except NotFound:
        return None


def _signed(web: Web, task_id: int, nonce: str) -> str:
    return f"{task_id}/{nonce}/{web.access.sign('model', f'{task_id}/{nonce}')}.tar"
