"""Metric series, and the points of them that a chart draws."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from agent.store import Series as StoredSeries
from web_stub.charts.downsample import Chart
from web_stub.resources.resource import Resource


class Series(Resource):
    id: int
    kind: str
    name: str
    count: int
    last_epoch: float | None
    last_value: float | None
    last_seq: int
    min_value: float | None
    min_epoch: Annotated[float | None, Field(description="of the first point with this value")]
    max_value: float | None
    max_epoch: float | None


class SeriesList(Resource):
    items: list[Series]


class ChartSeries(Resource):
    """Points in the order of x; `y` is null where a value is not a number. `shown` of `in_window` are here.

    With `thin=mean` a point of a series that is not `exact` stands for the points around it: `y` is their mean, `low`
    and `high` their lowest and highest value.
    """

    id: int
    kind: str
    name: str
    count: int
    in_window: int
    shown: int
    gaps: int
    exact: bool
    last_seq: int
    x: list[float]
    y: list[float | None]
    low: list[float | None] | None
    high: list[float | None] | None
    smooth: Annotated[
        list[float | None] | None,
        Field(description="the moving average over all points up to here; of several points, the mean of theirs"),
    ]
    numbers: Annotated[int, Field(description="values of the whole series that are numbers")]
    smooth_last: Annotated[float | None, Field(description="of the whole series")]

    @classmethod
    def of(cls, series: StoredSeries, chart: Chart, *, count: int, last_seq: int) -> Self:
        """`count` points were read, up to event `last_seq`: it may be more than `series` knew of."""
        return cls(
            id=series.id,
            kind=series.kind,
            name=series.name,
            count=count,
            in_window=chart.in_window,
            shown=chart.shown,
            gaps=chart.gaps,
            exact=chart.is_exact,
            last_seq=last_seq,
            x=chart.x.tolist(),
            y=chart.y.tolist(),  # NaN becomes null
            low=None if chart.low is None else chart.low.tolist(),
            high=None if chart.high is None else chart.high.tolist(),
            smooth=None if chart.smooth is None else chart.smooth.tolist(),
            numbers=chart.numbers,
            smooth_last=chart.smooth_last,
        )


class ChartData(Resource):
    x: Literal["epoch", "step", "time"]
    series: list[ChartSeries]


class UsageSeries(Resource):
    """A figure over time, thinned as those of metrics. `x` is seconds since 1970."""

    name: Annotated[str, Field(description="as the column of a reading: cpu_percent, memory_bytes, …")]
    count: int
    shown: int
    x: list[float]
    y: list[float | None]
    low: list[float | None] | None
    high: list[float | None] | None
    peak: float

    @classmethod
    def of(cls, name: str, chart: Chart, *, count: int, peak: float) -> Self:
        return cls(
            name=name,
            count=count,
            shown=chart.shown,
            x=chart.x.tolist(),
            y=chart.y.tolist(),
            low=None if chart.low is None else chart.low.tolist(),
            high=None if chart.high is None else chart.high.tolist(),
            peak=peak,
        )


class UsageData(Resource):
    """What a task used of its machine: the figures that its engine told."""

    series: list[UsageSeries]
    of_shared_gpus: bool  # the memory on GPUs is that of every program on them
