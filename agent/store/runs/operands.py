"""Keys as SQL: the value of a column in each kind it may have, and the joins that bring it.

Every value is bound and every text was taken apart in Python, so no name and no config can change a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL
from agent.errors import BadInput
from agent.store.columns import key as stored_name
from agent.store.runs.keys import FIELDS, ConfigKey, Field, Key, MetricKey, config_path, spelled
from agent.store.runs.portable import AgentName, ByCodePoint
from agent.store.runs.values import Kind
from agent.store.schema import checkpoints, config_values, models, plugins, projects, series, tasks, usage

MOST_KEYS = 40  # in one statement: SQLite joins 64 tables
_SECOND_US = 1e6
_FINAL = [status.value for status in FINAL]

Sql = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Operand:
    """A column. `values` are null where the value is of another kind; `rank` is a `Kind`, of nothing too."""

    values: Mapping[str, Sql]  # by "number", "text", "bool", "time", "reference"
    rank: Sql
    parts: Sequence[Sql]  # what tells values of one rank apart, in the order in which they sort
    text: Sql | None = None  # the text in the database's own language, for searching in it

    def order(self, *, descending: bool) -> list[Sql]:
        """Numbers before texts, nothing last, whichever way."""
        return [self.rank.asc(), *(part.desc() if descending else part.asc() for part in self.parts)]


class Operands:
    """The columns of one statement. Each key is joined once, however often it is used."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us
        self._known: dict[Key, Operand] = {}
        self._joins: list[tuple[sa.FromClause, sa.ColumnElement[bool]]] = []

    def of(self, key: Key) -> Operand:
        """BadInput for more keys than a statement takes, and for values at an epoch, which only cells show."""
        if key not in self._known:
            if len(self._known) == MOST_KEYS:
                raise BadInput(f"A question over more than {MOST_KEYS} columns is too large. Leave some out.")
            match key:
                case Field(name):
                    self._known[key] = self._field(name)
                case ConfigKey():
                    self._known[key] = self._config(key)
                case MetricKey():
                    self._known[key] = self._metric(key)
        return self._known[key]

    def source(self) -> sa.FromClause:
        """The tasks with all that the operands so far need."""
        source: sa.FromClause = tasks
        for table, condition in self._joins:
            source = source.outerjoin(table, condition)
        return source

    def _joined(self, table: sa.Table, condition: Any) -> Any:
        """An alias of the table, joined. `condition` takes its columns."""
        alias = table.alias(f"{table.name}_{len(self._joins)}")
        self._joins.append((alias, condition(alias.c)))
        return alias.c

    def _field(self, name: str) -> Operand:
        if name in _REFERENCES:
            return self._reference(name)
        if FIELDS[name] == "time":
            return _single("time", tasks.c[f"{name}_us"])
        if name in _NUMBERS:
            return _single("number", _NUMBERS[name])
        if name == "duration":
            return _single("number", self._duration())
        return _text(_TEXTS[name] if name in _TEXTS else tasks.c[name])

    def _duration(self) -> Sql:
        """Seconds; of a task that runs, until now."""
        end = sa.case((tasks.c.status.in_(_FINAL), tasks.c.finished_us), else_=sa.literal(self._now_us, sa.BigInteger))
        return sa.cast(end - tasks.c.started_us, sa.Float(53)) / _SECOND_US

    def _reference(self, name: str) -> Operand:
        table, title, number = _REFERENCES[name]
        joined = self._joined(table, lambda c: c.id == number)
        text = joined[title]
        rank = sa.case((joined.id.is_(None), Kind.NOTHING.value), else_=Kind.TEXT.value)
        parts = [*_sorted_text(text), joined.id]
        values = {"reference": joined.id, "number": joined.id, "text": ByCodePoint(text)}
        return Operand(values, rank, parts, text)

    def _config(self, key: ConfigKey) -> Operand:
        row = self._joined(config_values, lambda c: sa.and_(c.task_id == tasks.c.id, c.path == config_path(key.path)))
        text = sa.case((row.kind == Kind.TEXT.value, row.text))
        values = {
            "number": sa.case((row.kind == Kind.NUMBER.value, row.number)),
            "text": ByCodePoint(text),
            "bool": sa.case((row.kind == Kind.BOOL.value, row.number)),
        }
        rank = sa.func.coalesce(row.kind, Kind.NOTHING.value)
        return Operand(values, rank, [row.number, *_sorted_text(row.text)], text)

    def _metric(self, key: MetricKey) -> Operand:
        if not isinstance(key.at, str):
            plain = spelled(MetricKey(key.kind, key.name))
            raise BadInput(
                f"{spelled(key)} is read for the rows that are shown only: nothing is sorted, filtered or grouped by a "
                f"value at an epoch. Use {plain}, {plain}@max or {plain}@min."
            )
        same = {"kind": stored_name(key.kind), "name": stored_name(key.name)}
        row = self._joined(
            series, lambda c: sa.and_(c.task_id == tasks.c.id, *(c[name] == value for name, value in same.items()))
        )
        return _single("number", row[f"{key.at}_value"])


def _single(kind: str, value: Sql) -> Operand:
    """A column of one kind."""
    return Operand({kind: value}, sa.case((value.is_(None), Kind.NOTHING.value), else_=Kind.NUMBER.value), [value])


def _text(value: Sql) -> Operand:
    rank = sa.case((value.is_(None), Kind.NOTHING.value), else_=Kind.TEXT.value)
    return Operand({"text": ByCodePoint(value)}, rank, _sorted_text(value), value)


def _sorted_text(text: Sql) -> list[Sql]:
    """Words of any case side by side, then by code point."""
    plain = ByCodePoint(text)
    return [sa.func.lower(plain), plain]


def _peak(column: str) -> Sql:
    """The highest of a task's readings of its machine."""
    return sa.select(sa.func.max(usage.c[column])).where(usage.c.task_id == tasks.c.id).scalar_subquery()


def _best_model() -> Sql:
    """The id of the task's best model: a plugin marks each that is better than all before it."""
    marked = models.alias("marked")
    is_listed = sa.and_(marked.c.sha256 != "", marked.c.deleted_us.is_(None))
    best = sa.select(sa.func.max(marked.c.id)).where(marked.c.task_id == tasks.c.id, marked.c.is_best, is_listed)
    return best.scalar_subquery()


_TEXTS: Mapping[str, Sql] = {
    "agent": AgentName(tasks.c.agent_id),
    "tags": sa.func.nullif(sa.func.replace(sa.func.trim(tasks.c.tags, "\n"), "\n", ", "), ""),
    "notes": sa.func.nullif(tasks.c.notes, ""),
}
_NUMBERS: Mapping[str, Sql] = {
    "peak_cpu": _peak("cpu_percent"),
    "peak_memory": _peak("memory_bytes"),
    "peak_gpu": _peak("gpu_percent"),
    "peak_gpu_memory": _peak("gpu_memory_bytes"),
    "id": tasks.c.id,
    "lines": tasks.c.lines_read,
    "checkpoints": sa.select(sa.func.count()).where(checkpoints.c.task_id == tasks.c.id).scalar_subquery(),
}
_REFERENCES: Mapping[str, tuple[sa.Table, str, Sql]] = {
    "plugin": (plugins, "title", tasks.c.plugin_id),
    "project": (projects, "name", tasks.c.project_id),
    "model": (models, "name", tasks.c.model_id),
    "best_checkpoint": (models, "name", _best_model()),
}
