"""The table of runs: the store's `runs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.store.among import portions
from agent.store.columns import from_json, now_us
from agent.store.connect import Database
from agent.store.runs.cells import Run, RunColumn, columns_of, runs_of
from agent.store.runs.conditions import condition
from agent.store.runs.expression import Expression
from agent.store.runs.groups import RunGroups, read_groups
from agent.store.runs.inventory import Inventory, read_inventory
from agent.store.runs.keys import Key
from agent.store.runs.operands import Operands
from agent.store.runs.question import RunQuestion, RunWindow, counts_by_status, require_known, total_of
from agent.store.schema import tasks
from agent.store.task_search import IS_LISTED

_AT_ONCE = 500  # rows of an export


@dataclass(frozen=True, slots=True)
class RunTable:
    columns: Sequence[RunColumn]
    runs: Sequence[Run]
    total: int  # of all pages
    counts: Mapping[str, int]  # by status, of all that fit the question but for its choice of statuses


class Runs:
    """Tasks compared. BadInput for a column that no task has, with the nearest there is."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def table(self, keys: Sequence[Key], question: RunQuestion, window: RunWindow) -> RunTable:
        with self._db.reading() as connection:
            _check(connection, question, window)
            counts = counts_by_status(connection, question)
            ids = _ids(connection, question, window)
            runs = runs_of(connection, ids, keys, question.now_us)
            empty = [key for index, key in enumerate(keys) if all(run.cells[index] is None for run in runs)]
            require_known(connection, empty, "columns")
        return RunTable(columns_of(keys, runs), runs, total_of(counts, question), counts)

    def export(self, keys: Sequence[Key], question: RunQuestion, window: RunWindow) -> Iterator[Run]:
        """The rows of the window, read some at a time; the question is checked, and its order fixed, before."""
        with self._db.reading() as connection:
            _check(connection, question, window)
            require_known(connection, keys, "columns")
            ids = _ids(connection, question, window)
        return self._each(ids, keys, question.now_us)

    def _each(self, ids: Sequence[int], keys: Sequence[Key], now_us: int) -> Iterator[Run]:
        for some in portions(ids, _AT_ONCE):
            with self._db.reading() as connection:
                runs = runs_of(connection, some, keys, now_us)
            yield from runs

    def groups(self, by: Sequence[Key], keys: Sequence[Key], question: RunQuestion, window: RunWindow) -> RunGroups:
        """The runs by equal values of `by`, with sums of the columns `keys`."""
        with self._db.reading() as connection:
            _check(connection, question, window)
            require_known(connection, by, "group")
            require_known(connection, keys, "columns")
            counts = counts_by_status(connection, question)
            return read_groups(connection, by, keys, question, window, counts)

    def chosen(
        self, ids: Sequence[int], keys: Sequence[Key], what: str = "columns"
    ) -> tuple[Sequence[RunColumn], Sequence[Run]]:
        """The rows of these tasks, in this order, of those that there are; a task in the trash is none.

        `what` names the keys in a refusal.
        """
        with self._db.reading() as connection:
            known: set[int] = set()
            for some in portions(ids):
                listed = sa.select(tasks.c.id).where(tasks.c.id.in_(some), IS_LISTED)
                known.update(connection.execute(listed).scalars())
            runs = runs_of(connection, [id_ for id_ in ids if id_ in known], keys, RunQuestion().now_us)
            empty = [key for index, key in enumerate(keys) if all(run.cells[index] is None for run in runs)]
            require_known(connection, empty, what)
        return columns_of(keys, runs), runs

    def configs(self, ids: Sequence[int]) -> Mapping[int, Any]:
        """The config of each of these tasks, whole; one that there is not, or in the trash, is left out."""
        found: dict[int, Any] = {}
        with self._db.reading() as connection:
            for some in portions(ids):
                read = sa.select(tasks.c.id, tasks.c.config).where(tasks.c.id.in_(some), IS_LISTED)
                found.update({id_: from_json(text) for id_, text in connection.execute(read)})
        return {id_: found[id_] for id_ in ids if id_ in found}

    def holds(self, task_id: int, where: Expression) -> bool:
        """Whether the condition is true of this task now. A column that it does not have is None, never refused."""
        operands = Operands(now_us())
        met = condition(where, operands)
        found = sa.select(tasks.c.id).select_from(operands.source()).where(tasks.c.id == task_id, met)
        with self._db.reading() as connection:
            return connection.execute(found).first() is not None

    def inventory(self, question: RunQuestion) -> Inventory:
        """The columns that the tasks of a question have."""
        with self._db.reading() as connection:
            require_known(connection, question.keys(), "where")
            return read_inventory(connection, question)


def _check(connection: sa.Connection, question: RunQuestion, window: RunWindow) -> None:
    require_known(connection, question.keys(), "where")
    require_known(connection, [one.key for one in window.sort], "sort")


def _ids(connection: sa.Connection, question: RunQuestion, window: RunWindow) -> Sequence[int]:
    operands = Operands(question.now_us)
    conditions = question.selected(operands)
    order = [part for one in window.sort for part in operands.of(one.key).order(descending=one.descending)]
    found = sa.select(tasks.c.id).select_from(operands.source()).where(*conditions)
    found = found.order_by(*order, tasks.c.id.desc()).limit(window.limit).offset(window.offset)
    return connection.execute(found).scalars().all()
