"""Lines of tasks that were surely meant as an event: of each kind how many, and the first."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.store.columns import clean
from agent.store.connect import Database
from agent.store.schema import near_misses


@dataclass(frozen=True, slots=True)
class NearMissCount:
    """`nearly` and `change` are those of the first line, whose number is `first_seq`."""

    kind: str
    count: int
    first_seq: int
    nearly: str
    change: str


class NearMisses:
    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self, task_id: int) -> builtins.list[NearMissCount]:
        """In the order of their first lines."""
        found = sa.select(*_COLUMNS).where(near_misses.c.task_id == task_id).order_by(near_misses.c.first_seq)
        with self._db.reading() as connection:
            return [NearMissCount(*row) for row in connection.execute(found)]

    def add(self, task_id: int, *found: NearMissCount) -> None:
        """Count more, or begin to count a kind."""
        with self._db.writing(durable=False) as connection:
            connection.execute(counting(self._db), rows_of(task_id, {one.kind: one for one in found}))


_COLUMNS = [near_misses.c[name] for name in NearMissCount.__slots__]


def counting(database: Database) -> Any:
    """The statement that adds rows of `rows_of` to what is counted."""
    insert = database.insert(near_misses)
    more = {"count": near_misses.c.count + insert.excluded.count}
    return insert.on_conflict_do_update(index_elements=["task_id", "kind"], set_=more)


def rows_of(task_id: int, found: Mapping[str, NearMissCount]) -> builtins.list[dict[str, Any]]:
    return [
        {
            "task_id": task_id,
            "kind": one.kind,
            "count": one.count,
            "first_seq": one.first_seq,
            "nearly": clean(one.nearly),
            "change": clean(one.change),
        }
        for one in found.values()
    ]
