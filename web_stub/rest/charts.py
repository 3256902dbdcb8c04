"""Metric series and the points a chart draws of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from agent.errors import BadInput, NotFound
from web_stub.charts import MIN_POINTS, Floats, chart
from web_stub.context import Web, WebDep
from web_stub.jsons import encode
from web_stub.rest import schema
from web_stub.rest.tasks import TaskId
from web_stub.views import View, series_view

router = APIRouter(tags=["metrics"])

Axis = Literal["epoch", "step", "time"]


@router.get("/tasks/{task_id}/series", response_model=schema.SeriesList)
def list_series(web: WebDep, task_id: TaskId) -> View:
    """The metric series of a task with their counts and last values."""
    web.store.tasks.get(task_id)
    return {"items": [series_view(series) for series in web.store.metrics.series(task_id)]}


@router.get("/tasks/{task_id}/points", response_model=schema.ChartData)
def get_points(
    web: WebDep,
    task_id: TaskId,
    series: Annotated[list[int] | None, Query(description="ids; all of the task when left out")] = None,
    x: Annotated[Axis, Query(description="step counts points from 1; time is seconds since 1970")] = "epoch",
    max_points: Annotated[int, Query(ge=MIN_POINTS, le=1_000_000, description="of each series")] = 2000,
    start: Annotated[float | None, Query(alias="from", description="left edge of the window, in x")] = None,
    end: Annotated[float | None, Query(alias="to", description="right edge of the window, in x")] = None,
) -> Response:
    """Points to draw: exact where they fit, otherwise thinned so that ends, extremes and gaps stay.

    With a window the nearest point on either side comes along and is not counted in `shown`.
    """
    web.store.tasks.get(task_id)
    if any(edge is not None and not np.isfinite(edge) for edge in (start, end)):
        raise BadInput("from and to must be numbers")
    known = {item.id: item for item in web.store.metrics.series(task_id)}
    for wanted in series or ():
        if wanted not in known:
            raise NotFound(f"task {task_id} has no series {wanted}")
    drawn = [_drawn(web, known[i], x, max_points, (start, end)) for i in dict.fromkeys(series or known)]
    return Response(encode({"x": x, "series": drawn}), media_type="application/json")


def _drawn(web: Web, series: Any, axis: Axis, max_points: int, window: tuple[float | None, float | None]) -> View:
    seq, epoch, value, time_us = web.points.read(series.id)
    x: Floats
    match axis:
        case "epoch":
            x = epoch
        case "step":
            x = np.arange(1, len(seq) + 1, dtype=np.float64)
        case "time":
            x = time_us / 1e6
    picture = chart(x, value, max_points=max_points, window=window)
    return {
        "id": series.id,
        "kind": series.kind,
        "name": series.name,
        "count": len(seq),
        "in_window": picture.in_window,
        "shown": picture.shown,
        "gaps": picture.gaps,
        "exact": picture.is_exact,
        "last_seq": int(seq[-1]) if len(seq) else 0,
        "x": picture.x.tolist(),
        "y": picture.y.tolist(),  # NaN becomes null
    }
