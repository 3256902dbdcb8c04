"""Which columns there are: the config values and the metrics of the tasks that match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.store.among import portions
from agent.store.runs.cells import RunColumn
from agent.store.runs.keys import FIELDS, MetricKey, spelled
from agent.store.runs.operands import Operands
from agent.store.runs.question import RunQuestion
from agent.store.runs.values import Kind
from agent.store.schema import config_values, series, tasks

MOST_COLUMNS = 1000  # of a sort


@dataclass(frozen=True, slots=True)
class ConfigColumn:
    key: str
    title: str
    tasks: int  # that have it, null included
    kinds: Mapping[str, int]  # tasks by the kind of their value: number, text, bool, list, object, nothing
    differs: bool  # whether the values of those tasks are not all equal


@dataclass(frozen=True, slots=True)
class MetricColumn:
    key: str
    kind: str  # train, val
    name: str
    tasks: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """The commonest columns first, at most a thousand of each sort; the counts are of all."""

    fields: Sequence[RunColumn]
    config: Sequence[ConfigColumn]
    config_count: int
    metrics: Sequence[MetricColumn]
    metrics_count: int


def read_inventory(connection: sa.Connection, question: RunQuestion) -> Inventory:
    operands = Operands(question.now_us)
    conditions = question.selected(operands)
    chosen = sa.select(tasks.c.id).select_from(operands.source()).where(*conditions) if conditions else None
    count = sa.func.count()
    path, kind = config_values.c.path, config_values.c.kind
    bounds = (sa.func.min(kind).label("first_kind"), sa.func.max(kind).label("last_kind"))
    valued = [config_values.c[name] for name in ("kind", "number", "text")]
    differs = sa.or_(*(sa.func.min(column) != sa.func.max(column) for column in valued)).label("differs")
    by_path = sa.select(path, count.label("tasks"), differs, *bounds).group_by(path)
    by_name = sa.select(series.c.kind, series.c.name, count.label("tasks")).group_by(series.c.kind, series.c.name)
    configs, config_count = _most(connection, by_path, config_values.c.task_id, chosen)
    metrics, metrics_count = _most(connection, by_name, series.c.task_id, chosen)
    return Inventory(
        fields=[RunColumn(name, name.replace("_", " "), kind) for name, kind in FIELDS.items()],
        config=_config_columns(connection, configs, chosen),
        config_count=config_count,
        metrics=[
            MetricColumn(spelled(MetricKey(row.kind, row.name)), row.kind, row.name, row.tasks) for row in metrics
        ],
        metrics_count=metrics_count,
    )


def _config_columns(
    connection: sa.Connection, rows: Sequence[Any], chosen: sa.Select[Any] | None
) -> list[ConfigColumn]:
    """Most config values are of one kind in every task: only the others are counted by kind."""
    kinds = {row.path: {_name(row.first_kind): row.tasks} for row in rows if row.first_kind == row.last_kind}
    path, kind = config_values.c.path, config_values.c.kind
    for some in portions([row.path for row in rows if row.path not in kinds]):
        counted = sa.select(path, kind, sa.func.count()).where(path.in_(some)).group_by(path, kind).order_by(kind)
        if chosen is not None:
            counted = counted.where(config_values.c.task_id.in_(chosen))
        for of_path, of_kind, count in connection.execute(counted):
            kinds.setdefault(of_path, {})[_name(of_kind)] = count
    return [
        ConfigColumn(f"config{row.path}", row.path.removeprefix("."), row.tasks, kinds[row.path], bool(row.differs))
        for row in rows
    ]


def _name(kind: int) -> str:
    return Kind(kind).name.lower()


def _most(
    connection: sa.Connection, grouped: sa.Select[Any], task_id: sa.Column[Any], chosen: sa.Select[Any] | None
) -> tuple[Sequence[Any], int]:
    """The rows with the most tasks, and the number of all."""
    if chosen is not None:
        grouped = grouped.where(task_id.in_(chosen))
    columns = grouped.subquery()
    ordered = sa.select(columns, sa.func.count().over().label("of_all"))
    names = [columns.c[column.name] for column in grouped.selected_columns if column.name in ("path", "kind", "name")]
    rows = connection.execute(ordered.order_by(columns.c.tasks.desc(), *names).limit(MOST_COLUMNS)).all()
    return rows, rows[0].of_all if rows else 0
