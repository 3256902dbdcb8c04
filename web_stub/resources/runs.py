"""The table of runs, its groups, and the columns that there are."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field

from agent.domain import TaskStatus
from agent.store.runs import cells, inventory, table
from agent.store.runs.groups import RunGroups as StoredGroups
from agent.store.runs.keys import ColumnKind
from web_stub.resources.resource import Resource

_COUNTS = "of tasks, by status, of those that match but for `status`"


class RunColumn(Resource):
    key: Annotated[str, Field(description="as `columns`, `where`, `sort` and `group` name it")]
    title: str
    kind: Annotated[ColumnKind, Field(description="of a config value: the kind of those shown; mixed: several")]


class Run(Resource):
    id: int
    cells: Annotated[
        list[Any],
        Field(description="by column: JSON values; times in ISO 8601; durations in seconds; references {id, name}"),
    ]


class RunTable(Resource):
    columns: list[RunColumn]
    rows: list[Run]
    total: Annotated[int, Field(description="of all tasks that match, on all pages")]
    counts: Annotated[dict[TaskStatus, int], Field(description=_COUNTS)]

    @classmethod
    def of(cls, found: table.RunTable) -> Self:
        return cls(
            columns=[_column(column) for column in found.columns],
            rows=[Run(id=run.id, cells=list(run.cells)) for run in found.runs],
            total=found.total,
            counts=_all_statuses(found.counts),
        )


class Summary(Resource):
    """Of the numbers of a column in a group."""

    count: Annotated[int, Field(description="of numbers; other values and missing ones count nowhere")]
    mean: float | None
    std: Annotated[float | None, Field(description="of the sample; null for fewer than two numbers")]
    min: float | None
    max: float | None


class RunGroup(Resource):
    key: Annotated[list[Any], Field(description="the values that its runs share, as cells")]
    count: int
    summaries: Annotated[list[Summary], Field(description="by column")]
    where: Annotated[str | None, Field(description="the condition that selects its runs; null: none can")]


class RunGroups(Resource):
    by: list[RunColumn]
    columns: list[RunColumn]
    groups: list[RunGroup]
    total: Annotated[int, Field(description="of groups, on all pages")]
    runs: Annotated[int, Field(description="in all groups")]
    counts: Annotated[dict[TaskStatus, int], Field(description=_COUNTS)]

    @classmethod
    def of(cls, found: StoredGroups) -> Self:
        return cls(
            by=[_column(column) for column in found.by],
            columns=[_column(column) for column in found.columns],
            groups=[
                RunGroup(
                    key=list(group.key),
                    count=group.count,
                    summaries=[Summary.of(summary) for summary in group.summaries],
                    where=group.where,
                )
                for group in found.groups
            ],
            total=found.total,
            runs=found.runs,
            counts=_all_statuses(found.counts),
        )


class ConfigColumn(Resource):
    key: str
    title: str
    tasks: Annotated[int, Field(description="that have it, also those where it is null")]
    kinds: Annotated[
        dict[str, int], Field(description="tasks by the kind of their value: number, text, bool, list, object, nothing")
    ]
    differs: Annotated[bool, Field(description="whether their values are not all equal")]


class MetricColumn(Resource):
    key: str
    kind: str
    name: str
    tasks: int


class RunColumns(Resource):
    fields: list[RunColumn]
    config: Annotated[list[ConfigColumn], Field(description="those of most tasks first, at most a thousand")]
    config_count: Annotated[int, Field(description="of all")]
    metrics: Annotated[list[MetricColumn], Field(description="those of most tasks first, at most a thousand")]
    metrics_count: int

    @classmethod
    def of(cls, found: inventory.Inventory) -> Self:
        return cls(
            fields=[_column(column) for column in found.fields],
            config=[ConfigColumn.of(column, kinds=dict(column.kinds)) for column in found.config],
            config_count=found.config_count,
            metrics=[MetricColumn.of(column) for column in found.metrics],
            metrics_count=found.metrics_count,
        )


def _column(column: cells.RunColumn) -> RunColumn:
    return RunColumn.of(column)


def _all_statuses(counts: Any) -> dict[TaskStatus, int]:
    return {status: counts.get(status.value, 0) for status in TaskStatus}
