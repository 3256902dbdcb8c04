"""The cells of rows that are shown: read for their ids only, each value whole, as it was given or measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.store.among import portions
from agent.store.columns import from_json, from_us
from agent.store.columns import key as stored_name
from agent.store.points import floats
from agent.store.runs.keys import FIELDS, ColumnKind, ConfigKey, Field, Key, MetricKey, Step, spelled, title
from agent.store.runs.operands import Operands
from agent.store.runs.values import Kind, kind_of
from agent.store.schema import point_blocks, series, tasks

_KINDS: Mapping[Kind, ColumnKind] = {Kind.NUMBER: "number", Kind.TEXT: "text", Kind.BOOL: "bool"}
_MOST_SERIES = 200  # pairs of kind and name in one statement


@dataclass(frozen=True, slots=True)
class Reference:
    """A plugin, project or model."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class RunColumn:
    key: str  # as expressions spell it
    title: str
    kind: ColumnKind  # of a config value: that of the values shown, "mixed" where they differ


@dataclass(frozen=True, slots=True)
class Run:
    """`cells` are JSON values, datetimes and references, in the order of the columns; None for nothing."""

    id: int
    cells: Sequence[Any]


def columns_of(keys: Sequence[Key], runs: Sequence[Run]) -> list[RunColumn]:
    return [RunColumn(spelled(key), title(key), _kind(key, runs, index)) for index, key in enumerate(keys)]


def _kind(key: Key, runs: Sequence[Run], index: int) -> ColumnKind:
    match key:
        case Field(name):
            return FIELDS[name]
        case MetricKey():
            return "number"
    kinds = {kind_of(run.cells[index]) for run in runs} - {Kind.NOTHING}
    return _KINDS.get(next(iter(kinds)), "mixed") if len(kinds) == 1 else "mixed" if kinds else "text"


def runs_of(connection: sa.Connection, ids: Sequence[int], keys: Sequence[Key], now_us: int) -> list[Run]:
    """The rows of these tasks, in this order."""
    found: dict[int, list[Any]] = {id_: [None] * len(keys) for id_ in ids}
    for some in portions(ids):
        _read_fields(connection, some, keys, now_us, found)
        if any(isinstance(key, ConfigKey) for key in keys):
            _read_configs(connection, some, keys, found)
        if any(isinstance(key, MetricKey) for key in keys):
            _read_metrics(connection, some, keys, found)
    return [Run(id_, found[id_]) for id_ in ids]


def _read_fields(
    connection: sa.Connection, ids: Sequence[int], keys: Sequence[Key], now_us: int, found: dict[int, list[Any]]
) -> None:
    operands = Operands(now_us)
    wanted = [(index, key.name) for index, key in enumerate(keys) if isinstance(key, Field)]
    columns: list[Any] = [tasks.c.id]
    for index, name in wanted:
        values = operands.of(Field(name)).values
        first = values.get("reference", next(iter(values.values())))
        columns += [first.label(f"value_{index}"), values.get("text", sa.null()).label(f"text_{index}")]
    for row in connection.execute(sa.select(*columns).select_from(operands.source()).where(tasks.c.id.in_(ids))):
        cells = found[row[0]]
        for position, (index, name) in enumerate(wanted):
            value, text = row[1 + 2 * position], row[2 + 2 * position]
            cells[index] = field_value(name, value, text)


def field_value(name: str, value: Any, text: str | None) -> Any:
    """The cell of a field: a time from microseconds, a reference from id and name."""
    if value is None:
        return None
    match FIELDS[name]:
        case "time":
            return from_us(value)
        case "reference":
            return Reference(value, text or "")
    return value


def _read_configs(
    connection: sa.Connection, ids: Sequence[int], keys: Sequence[Key], found: dict[int, list[Any]]
) -> None:
    wanted = [(index, key.path) for index, key in enumerate(keys) if isinstance(key, ConfigKey)]
    for id_, text in connection.execute(sa.select(tasks.c.id, tasks.c.config).where(tasks.c.id.in_(ids))):
        config = from_json(text)
        for index, path in wanted:
            found[id_][index] = value_at(config, path)


def value_at(config: Any, path: Sequence[Step]) -> Any:
    """The value at a path; None where there is none."""
    value = config
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and 0 <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _read_metrics(
    connection: sa.Connection, ids: Sequence[int], keys: Sequence[Key], found: dict[int, list[Any]]
) -> None:
    places: dict[tuple[str, str], list[tuple[int, str | float]]] = {}
    for index, key in enumerate(keys):
        if isinstance(key, MetricKey):
            places.setdefault((stored_name(key.kind), stored_name(key.name)), []).append((index, key.at))
    at_epochs: dict[float, dict[int, tuple[int, int]]] = {}  # epoch → series → task, place
    columns = (series.c.id, series.c.task_id, series.c.kind, series.c.name)
    values = (series.c.last_value, series.c.min_value, series.c.max_value)
    for some in portions(list(places), _MOST_SERIES):
        pair = sa.tuple_(series.c.kind, series.c.name).in_(some)
        for row in connection.execute(sa.select(*columns, *values).where(series.c.task_id.in_(ids), pair)):
            for index, at in places[row.kind, row.name]:
                if isinstance(at, str):
                    found[row.task_id][index] = getattr(row, f"{at}_value")
                else:
                    at_epochs.setdefault(at, {})[row.id] = row.task_id, index
    for epoch, wanted in at_epochs.items():
        for series_id, value in values_at(connection, list(wanted), epoch).items():
            task_id, index = wanted[series_id]
            found[task_id][index] = value


def values_at(connection: sa.Connection, series_ids: Sequence[int], epoch: float) -> dict[int, float]:
    """Series → its value at an epoch: that of the last point printed up to there.

    A series that does not go on to the epoch has none. One block is read of each.
    """
    blocks = point_blocks.c
    found: dict[int, float] = {}
    for some in portions(series_ids):
        before = sa.func.max(sa.case((blocks.epoch_min <= epoch, blocks.first_seq)))
        reached = (
            sa.select(blocks.series_id, before.label("first_seq"))
            .where(blocks.series_id.in_(some))
            .group_by(blocks.series_id)
            .having(sa.func.max(blocks.epoch_max) >= epoch)
            .subquery()
        )
        chosen = sa.and_(blocks.series_id == reached.c.series_id, blocks.first_seq == reached.c.first_seq)
        read = sa.select(blocks.series_id, blocks.epochs, blocks.point_values).join(reached, chosen)
        for row in connection.execute(read):
            epochs, values = floats([row.epochs]), floats([row.point_values])
            value = next((values[i] for i in range(len(epochs) - 1, -1, -1) if epochs[i] <= epoch), None)
            if value is not None and value == value:
                found[row.series_id] = value
    return found
