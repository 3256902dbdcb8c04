"""Where a model comes from, and what was made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.domain import Model
from agent.errors import NotFound
from agent.store import ModelQuestion, Window
from web_stub.resources.models import Lineage, LineageModel, LineageTask
from web_stub.resources.tasks import TaskCard
from web_stub.task_cards import TaskCards

if TYPE_CHECKING:
    from agent.store import Store

_ANCESTORS = 50
_TASKS = 50
_CHECKPOINTS = 20  # of each task


def lineage_of(model: Model, store: Store, cards: TaskCards) -> Lineage:
    """The models it was trained from, the task that made it, and the newest tasks that start from it."""
    used_by = store.models.used_by(model.id, limit=_TASKS)
    tasks = [store.tasks.get(id_) for id_ in used_by.values]
    return Lineage(
        ancestors=[LineageModel.of(ancestor) for ancestor in reversed(ancestors(model, store.models.get))],
        made_by=_card(model.provenance.task_id, store, cards),
        used_by=[_user(card, store) for card in cards.cards(tasks)],
        used_by_count=used_by.total,
    )


def _user(card: TaskCard, store: Store) -> LineageTask:
    made = store.models.search(ModelQuestion(task_id=card.id), Window(_CHECKPOINTS))
    return LineageTask(task=card, models=[LineageModel.of(model) for model in made.values], models_count=made.total)


def ancestors(model: Model, find: Callable[[int], Model]) -> list[Model]:
    """The parent, its parent, and so on; up to a model that `find` answers with NotFound. Ends in circles too. Pure."""
    found: list[Model] = []
    parent = model.provenance.parent_model_id
    while parent is not None and len(found) < _ANCESTORS and parent not in {model.id, *(known.id for known in found)}:
        try:
            found.append(find(parent))
        except NotFound:
            break
        parent = found[-1].provenance.parent_model_id
    return found


def _card(task_id: int | None, store: Store, cards: TaskCards) -> TaskCard | None:
    try:
        return cards.card(store.tasks.get(task_id)) if task_id is not None else None
    except NotFound:
        return None
