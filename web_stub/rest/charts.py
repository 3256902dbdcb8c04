"""Metric series and the points a chart draws of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from agent.errors import BadInput, NotFound
from agent.store import UsageSample
from web_stub.budget import BudgetRoute, large, while_wanted
from web_stub.charts.axes import Axis
from web_stub.charts.curves import Look
from web_stub.charts.downsample import MIN_POINTS, chart
from web_stub.context import WebDep
from web_stub.json_response import json_response
from web_stub.parameters import Id
from web_stub.resources.metrics import ChartData, ChartSeries, Series, SeriesList, UsageData, UsageSeries

router = APIRouter(route_class=BudgetRoute, tags=["metrics"])

_MAX_POINTS = 2_000_000  # of all series in an answer, which is then about 50 MB

_FIGURES = [field.name for field in fields(UsageSample) if field.name != "time_us"]


@router.get("/tasks/{task_id}/series", response_model=SeriesList)
@large
def list_series(web: WebDep, task_id: Id) -> Response:
    """The metric series of a task with their counts and last values."""
    web.store.tasks.get(task_id)
    return json_response(SeriesList(items=[Series.of(series) for series in web.store.metrics.series(task_id)]))


@router.get("/tasks/{task_id}/points", response_model=ChartData)
@large
def get_points(
    web: WebDep,
    task_id: Id,
    series: Annotated[list[int] | None, Query(description="ids; all of the task when left out")] = None,
    x: Annotated[Axis, Query(description="step counts points from 1; time is seconds since 1970")] = "epoch",
    max_points: Annotated[
        int, Query(ge=MIN_POINTS, le=1_000_000, description="of each series; of very many series fewer")
    ] = 2000,
    start: Annotated[float | None, Query(alias="from", description="left edge of the window, in x")] = None,
    end: Annotated[float | None, Query(alias="to", description="right edge of the window, in x")] = None,
    thin: Annotated[
        Literal["extremes", "mean"], Query(description="what a series beyond max_points becomes")
    ] = "extremes",
    smoothing: Annotated[float, Query(ge=0, le=0.9999, description="weight of the past in `smooth`")] = 0.0,
) -> Response:
    """Points to draw: exact where they fit, otherwise thinned so that ends, extremes and gaps stay, or means of all.

    Smoothing goes over every point of the series, whatever is drawn of it. With a window the nearest point on either
    side comes along and is not counted in `shown`.
    """
    web.store.tasks.get(task_id)
    if any(edge is not None and not np.isfinite(edge) for edge in (start, end)):
        raise BadInput("from and to must be numbers")
    known = {found.id: found for found in web.store.metrics.series(task_id)}
    for wanted in series or ():
        if wanted not in known:
            raise NotFound(f"task {task_id} has no series {wanted}")
    shown = list(dict.fromkeys(series or known))
    if shown:
        max_points = max(MIN_POINTS, min(max_points, _MAX_POINTS // len(shown)))
    look = Look(x, max_points, (start, end), as_means=thin == "mean", smoothing=smoothing)
    many = [known[i] for i in shown]
    drawn = [
        ChartSeries.of(series, curve.chart, count=curve.count, last_seq=curve.last_seq)
        for series, curve in while_wanted(zip(many, web.curves.draw_all(many, look), strict=True))
    ]
    return json_response(ChartData(x=x, series=drawn))


@router.get("/tasks/{task_id}/usage", response_model=UsageData)
@large
def get_usage(
    web: WebDep, task_id: Id, max_points: Annotated[int, Query(ge=MIN_POINTS, le=100_000)] = 1000
) -> Response:
    """What a task used of its machine over time: processor, memory, GPUs, network, disk. Empty where nothing was read.

    Percents are of one processor or GPU, `…_per_s` are bytes a second.
    """
    web.store.tasks.get(task_id)
    samples = web.store.usage.list(task_id)
    x = np.array([sample.time_us / 1e6 for sample in samples])
    drawn = []
    for name in _FIGURES:
        y = np.array([getattr(sample, name) for sample in samples], dtype=np.float64)  # None becomes NaN
        if len(y) and not np.isnan(y).all():
            thinned = chart(x, y, max_points=max_points, as_means=True)
            drawn.append(UsageSeries.of(name, thinned, count=len(y), peak=float(np.nanmax(y))))
    return json_response(UsageData(series=drawn, of_shared_gpus=web.store.usage.is_of_shared_gpus(task_id)))
