"""Models as a person looks for them: by words and origin, in any order, page by page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.domain import Model
from agent.store.among import portions
from agent.store.columns import clean
from agent.store.connect import Database
from agent.store.kept import is_not_given_up
from agent.store.listing import Listing, Origin, Question, Window, listed, origin_of
from agent.store.model_rows import model_of
from agent.store.schema import models
from agent.store.search import contains, is_number, words_of

HAS_BYTES = models.c.sha256 != ""  # false for a reserved model whose bytes have not been uploaded
EXISTS = sa.and_(HAS_BYTES, is_not_given_up(models))
IS_LISTED = sa.and_(HAS_BYTES, models.c.deleted_us.is_(None))  # and not in the trash

_ORIGIN = origin_of(models)
_ORDERS: dict[str, sa.ColumnElement[Any]] = {
    "name": sa.func.lower(models.c.name),
    "size": models.c.size_bytes,
    "task": models.c.task_id,
}


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """`words` are looked for in the id, the name, the tags and the image of the plugin; `name` is the exact name."""

    words: str = ""
    name: str | None = None
    task_id: int | None = None
    origin: Origin | None = None


def search_models(database: Database, question: ModelQuestion, window: Window) -> Listing[Model]:
    """The models of the window; `counts` are by origin."""
    conditions = [IS_LISTED, *(_about(word) for word in words_of(question.words))]
    if question.name is not None:
        conditions.append(models.c.name == clean(question.name))
    if question.task_id is not None:
        conditions.append(models.c.task_id == question.task_id)
    wanted = None if question.origin is None else [question.origin]
    asked = Question(models, conditions, _ORIGIN, wanted)
    with database.reading() as connection:
        found = listed(connection, list(models.c), asked, window, _ORDERS)
    return Listing([model_of(row) for row in found.values], found.total, found.counts)


def best_of_tasks(database: Database, task_ids: Collection[int]) -> set[int]:
    """Ids of the best models of these tasks: a plugin marks a model that is better than all before it, so the last
    mark counts."""
    best: set[int] = set()
    with database.reading() as connection:
        for some in portions(task_ids):
            marked = sa.select(sa.func.max(models.c.id)).where(models.c.task_id.in_(some), models.c.is_best, IS_LISTED)
            best |= set(connection.execute(marked.group_by(models.c.task_id)).scalars())
    return best


def _about(word: str) -> sa.ColumnElement[bool]:
    texts = (models.c.name, models.c.plugin_image, models.c.tags)
    parts = [*(contains(text, word) for text in texts), *is_number(models.c.id, word)]
    return sa.or_(*parts)
