"""Which columns there are: the config values and the metrics of the tasks that match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

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
    kinds = [sa.func.sum(sa.case((config_values.c.kind == kind.value, 1), else_=0)).label(kind.name) for kind in Kind]
    by_path = sa.select(config_values.c.path, count.label("tasks"), *kinds).group_by(config_values.c.path)
    by_name = sa.select(series.c.kind, series.c.name, count.label("tasks")).group_by(series.c.kind, series.c.name)
    configs, config_count = _most(connection, by_path, config_values.c.task_id, chosen)
    metrics, metrics_count = _most(connection, by_name, series.c.task_id, chosen)
    return Inventory(
        fields=[RunColumn(name, name.replace("_", " "), kind) for name, kind in FIELDS.items()],
        config=[_config_column(row) for row in configs],
        config_count=config_count,
        metrics=[
            MetricColumn(spelled(MetricKey(row.kind, row.name)), row.kind, row.name, row.tasks) for row in metrics
        ],
        metrics_count=metrics_count,
    )


def _config_column(row: Any) -> ConfigColumn:
    counted = {kind.name.lower(): int(getattr(row, kind.name)) for kind in Kind}
    kinds = {name: number for name, number in counted.items() if number}
    return ConfigColumn(f"config{row.path}", row.path.removeprefix("."), row.tasks, kinds)


def _most(
    connection: sa.Connection, grouped: sa.Select[Any], task_id: sa.Column[Any], chosen: sa.Select[Any] | None
) -> tuple[Sequence[Any], int]:
    """The rows with the most tasks, and the number of all."""
    if chosen is not None:
        grouped = grouped.where(task_id.in_(chosen))
    columns = grouped.subquery()
    ordered = sa.select(columns, sa.func.count().over().label("of_all"))
    names = [column for column in columns.c if column.name in ("path", "kind", "name")]
    rows = connection.execute(ordered.order_by(columns.c.tasks.desc(), *names).limit(MOST_COLUMNS)).all()
    return rows, rows[0].of_all if rows else 0
