"""Projects as a person looks for them: by words and origin, in any order, page by page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.domain import Project
from agent.store.connect import Database
from agent.store.listing import Listing, Origin, Question, Window, listed, origin_of
from agent.store.project_rows import project_of
from agent.store.schema import projects
from agent.store.search import contains, is_number, words_of

IS_LISTED = projects.c.deleted_us.is_(None)  # not in the trash

_ORIGIN = origin_of(projects)
_ORDERS: dict[str, sa.ColumnElement[Any]] = {
    "name": sa.func.lower(projects.c.name),
    "images": projects.c.images_count,
    "size": projects.c.size_bytes,
}


@dataclass(frozen=True, slots=True)
class ProjectQuestion:
    """`words` are looked for in the id, the name, the tags, and the titles of the classes."""

    words: str = ""
    origin: Origin | None = None


def search_projects(database: Database, question: ProjectQuestion, window: Window) -> tuple[Listing[Project], int]:
    """The projects of the window, `counts` by origin; and the images of all that fit."""
    conditions = [IS_LISTED, *(_about(word, is_sqlite=database.is_sqlite) for word in words_of(question.words))]
    wanted = None if question.origin is None else [question.origin]
    asked = Question(projects, conditions, _ORIGIN, wanted)
    images = sa.select(sa.func.coalesce(sa.func.sum(projects.c.images_count), 0)).where(*conditions)
    if wanted is not None:
        images = images.where(_ORIGIN.in_(wanted))
    with database.reading() as connection:
        found = listed(connection, list(projects.c), asked, window, _ORDERS)
        count = int(connection.execute(images).scalar_one())
    return Listing([project_of(row) for row in found.values], found.total, found.counts), count


def _about(word: str, *, is_sqlite: bool) -> sa.ColumnElement[bool]:
    named = (contains(text, word) for text in (projects.c.name, projects.c.tags))
    parts = [*named, _has_class(word, is_sqlite=is_sqlite), *is_number(projects.c.id, word)]
    return sa.or_(*parts)


def _has_class(word: str, *, is_sqlite: bool) -> sa.ColumnElement[bool]:
    """Whether the title of a class has the word. A meta may hold whatever an import left in it.

    CASE, unlike AND, keeps the order: only a meta that has the word somewhere is taken apart, and only objects are.
    """
    meta = projects.c.meta
    if is_sqlite:
        item = sa.func.json_each(meta, "$.classes").table_valued("value", "type", name="item")
        title = sa.case((item.c.type == "object", sa.func.json_extract(item.c.value, "$.title")), else_=None)
        may_have = sa.and_(_mentions(word), sa.func.json_valid(meta) == 1)  # not valid: deeper than SQLite reads
    else:
        classes = sa.cast(meta, sa.JSON)["classes"]
        is_list = sa.func.json_typeof(classes) == "array"
        array = sa.case((is_list, classes), else_=sa.literal_column("'[]'::json"))
        item = sa.func.json_array_elements(array).table_valued("value", name="item")
        title = sa.case((sa.func.json_typeof(item.c.value) == "object", item.c.value.op("->>")("title")), else_=None)
        may_have = sa.and_(_mentions(word), sa.not_(meta.contains("\\u0000")))  # which PostgreSQL's JSON refuses
    has = sa.select(sa.literal(1)).select_from(item).where(contains(title, word)).exists()
    return sa.case((may_have, has), else_=sa.false())


def _mentions(word: str) -> sa.ColumnElement[bool]:
    """Whether the JSON of the meta has the word, as it is or as JSON writes it."""
    return sa.or_(contains(projects.c.meta, word), contains(projects.c.meta, json.dumps(word)[1:-1]))
