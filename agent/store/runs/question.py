"""Which tasks a table of runs is about, in which order; and whether there are such columns at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa

from agent.domain import TaskStatus
from agent.errors import BadInput
from agent.store.columns import key as stored_name
from agent.store.columns import now_us
from agent.store.runs.conditions import condition
from agent.store.runs.expression import Expression, keys_of
from agent.store.runs.keys import ConfigKey, Field, Key, MetricKey, SortKey, config_path, spelled
from agent.store.runs.operands import Operands
from agent.store.schema import config_values, series, tasks
from agent.store.search import words_of
from agent.store.task_search import IS_ARCHIVED, IS_LISTED, about

_MOST_NEAR = 5000  # names that are looked through for the nearest


@dataclass(frozen=True, slots=True)
class RunQuestion:
    """`words` are looked for as in the list of tasks. `now_us` is where a running task's duration ends.

    With `archived` the tasks of the archive, in place of the others.
    """

    words: str = ""
    where: Expression | None = None
    statuses: Collection[TaskStatus] | None = None
    archived: bool = False
    now_us: int = field(default_factory=now_us)

    def keys(self) -> list[Key]:
        return list(keys_of(self.where)) if self.where is not None else []

    def conditions(self, operands: Operands) -> list[sa.ColumnElement[bool]]:
        """All but that of the statuses, which are counted whichever are chosen."""
        found: list[sa.ColumnElement[bool]] = [IS_LISTED, IS_ARCHIVED if self.archived else sa.not_(IS_ARCHIVED)]
        found += [about(word) for word in words_of(self.words)]
        return [*found, condition(self.where, operands)] if self.where is not None else found

    def selected(self, operands: Operands) -> list[sa.ColumnElement[bool]]:
        """Every condition."""
        if self.statuses is None:
            return self.conditions(operands)
        return [*self.conditions(operands), tasks.c.status.in_([status.value for status in self.statuses])]


@dataclass(frozen=True, slots=True)
class RunWindow:
    """`limit` rows after `offset`. The order ends with the newest first."""

    limit: int | None = 100  # None: all
    offset: int = 0
    sort: Sequence[SortKey] = ()


def counts_by_status(connection: sa.Connection, question: RunQuestion) -> dict[str, int]:
    """By status, of all that fit but for the choice of statuses."""
    operands = Operands(question.now_us)
    conditions = question.conditions(operands)
    found = sa.select(tasks.c.status, sa.func.count()).select_from(operands.source())
    rows = connection.execute(found.where(*conditions).group_by(tasks.c.status))
    return {str(row[0]): int(row[1]) for row in rows}


def total_of(counts: dict[str, int], question: RunQuestion) -> int:
    chosen = question.statuses
    return sum(count for name, count in counts.items() if chosen is None or TaskStatus(name) in chosen)


def require_known(connection: sa.Connection, keys: Iterable[Key], what: str) -> None:
    """BadInput, with the nearest name, for a column that no task has."""
    for key in dict.fromkeys(keys):
        match key:
            case Field():
                continue
            case ConfigKey():
                known = sa.select(config_values.c.path).where(config_values.c.path == config_path(key.path))
            case MetricKey():
                known = _series(key.kind, key.name)
        if connection.execute(known.limit(1)).first() is None:
            raise BadInput(f"{what}, character {key.place}: no task has {spelled(key)}{_nearest(connection, key)}")


def _series(kind: str, name: str) -> sa.Select[Any]:
    return sa.select(series.c.id).where(series.c.kind == stored_name(kind), series.c.name == stored_name(name))


def _nearest(connection: sa.Connection, key: ConfigKey | MetricKey) -> str:
    """The end of the sentence: the nearest column there is."""
    if isinstance(key, ConfigKey):
        paths = connection.execute(sa.select(config_values.c.path).distinct().limit(_MOST_NEAR)).scalars()
        names = [f"config{path}" for path in paths]
    else:
        pairs = sa.select(series.c.kind, series.c.name).distinct().limit(_MOST_NEAR)
        names = [spelled(MetricKey(row.kind, row.name, key.at)) for row in connection.execute(pairs)]
    near = get_close_matches(spelled(key), names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ". The columns that there are: `agent task columns`."
