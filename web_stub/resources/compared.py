"""Runs compared: what they are, their curves over each other, groups of curves as bands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.domain import TaskStatus
from web_stub.resources.metrics import ChartSeries
from web_stub.resources.resource import Resource
from web_stub.resources.runs import Run, RunColumn

_UNKNOWN = "ids of `runs` that no task has, or one in the trash"


class ComparedRun(Resource):
    id: int
    name: str
    status: TaskStatus
    started_at: datetime | None


class ComparedMetric(Resource):
    kind: str
    name: str
    runs: Annotated[int, Field(description="how many of the runs have it")]


class ConfigValues(Resource):
    """A value at a key of the configs, at any depth; lists are values."""

    key: Annotated[str, Field(description="the column of the table of runs")]
    title: str
    values: Annotated[list[Any], Field(description="each once")]
    which: Annotated[
        list[int | None], Field(description="by run: its place in `values`; null where its config has no such key")
    ]


class RunComparison(Resource):
    runs: Annotated[list[ComparedRun], Field(description="in the order asked for")]
    unknown: Annotated[list[int], Field(description=_UNKNOWN)]
    metrics: list[ComparedMetric]
    different: Annotated[list[ConfigValues], Field(description="keys of configs at which the runs differ")]
    equal: Annotated[list[ConfigValues], Field(description="keys at which all runs have one value")]
    keys_count: Annotated[int, Field(description="of all keys; of very many the first are here")]


class RunValues(Resource):
    """Columns of the table of runs, of the runs that are asked for, in this order."""

    columns: list[RunColumn]
    rows: list[Run]
    unknown: Annotated[list[int], Field(description=_UNKNOWN)]


class RunCurve(Resource):
    run: int
    series: ChartSeries


class RunCurves(Resource):
    x: Annotated[Literal["epoch", "step", "time"], Field(description="time is seconds since the start of the run")]
    curves: Annotated[list[RunCurve], Field(description="in the order of `runs`; of a run without the metric none")]
    unknown: Annotated[list[int], Field(description=_UNKNOWN)]


class RunBand(Resource):
    """The mean of a group's curves of one kind. The arrays are equally long; null where no curve reaches an x."""

    key: Annotated[list[Any], Field(description="the values that the runs share, as cells")]
    runs: Annotated[list[int], Field(description="those of the group that have the metric")]
    kind: str
    x: list[float]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]
    count: Annotated[list[int], Field(description="of runs that reach x")]


class RunBands(Resource):
    x: Literal["epoch", "step", "time"]
    spread: Literal["range", "deviation"]
    bands: list[RunBand]
    unknown: Annotated[list[int], Field(description=_UNKNOWN)]
