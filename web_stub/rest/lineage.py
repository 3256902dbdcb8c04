"""One model looked into: the files of its tar, where it comes from, what was made of it."""

from __future__ import annotations

from fastapi import APIRouter

from agent.domain import Model
from agent.errors import NotFound
from agent.formats import model_state
from web_stub.context import Web, WebDep
from web_stub.rest import schema
from web_stub.rest.library import Id
from web_stub.views import View

router = APIRouter(tags=["models"])

_FILES = 1000
_ANCESTORS = 50
_TASKS = 50
_CHECKPOINTS = 20  # of each task


@router.get("/models/{model_id}/files", response_model=schema.ModelFiles)
def list_files(web: WebDep, model_id: Id) -> View:
    """What is in the tar, in its order. Only headers are read, so large weights cost nothing."""
    model = web.store.models.get(model_id)
    with web.artifacts.open(model.sha256) as tar:
        found = model_state.members(tar)
    return {
        "items": [{"name": one.name, "size_bytes": one.size_bytes} for one in found[:_FILES]],
        "count": len(found),
        "size_bytes": sum(one.size_bytes for one in found),
    }


@router.get("/models/{model_id}/lineage", response_model=schema.Lineage)
def get_lineage(web: WebDep, model_id: Id) -> View:
    """The models it was trained from, the task that made it, and the tasks that start from it."""
    return lineage(web, web.store.models.get(model_id))


def lineage(web: Web, model: Model) -> View:
    """The same for a page."""
    maker = model.provenance.task_id
    tasks = [web.store.tasks.get(id_) for id_ in web.store.models.used_by(model.id, limit=_TASKS)]
    return {
        "ancestors": [_brief(one) for one in reversed(_ancestors(web, model))],
        "made_by": _card(web, maker) if maker is not None else None,
        "used_by": [
            {
                "task": card,
                "models": [_brief(one) for one in web.store.models.list(task_id=card["id"], limit=_CHECKPOINTS)],
            }
            for card in web.views.cards(tasks)
        ],
    }


def _ancestors(web: Web, model: Model) -> list[Model]:
    """The parent, its parent, and so on."""
    found: list[Model] = []
    parent = model.provenance.parent_model_id
    while parent is not None and len(found) < _ANCESTORS and parent not in {model.id, *(one.id for one in found)}:
        try:
            found.append(web.store.models.get(parent))
        except NotFound:  # removed since: the line ends where it is no longer known
            break
        parent = found[-1].provenance.parent_model_id
    return found


def _card(web: Web, task_id: int) -> View | None:
    try:
        return web.views.card(web.store.tasks.get(task_id))
    except NotFound:
        return None


def _brief(model: Model) -> View:
    origin = model.provenance
    return {
        "id": model.id,
        "name": model.name,
        "only_train": model.only_train,
        "checkpoint_index": origin.checkpoint_index,
        "is_best": origin.is_best,
        "task_id": origin.task_id,
    }
