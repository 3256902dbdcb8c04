"""Any number of runs compared: their metrics and configs, the curves of one metric, groups of curves as bands.

Runs of the archive are compared as others; those of the trash are unknown, as a number that no task has.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from agent.errors import BadInput
from agent.store import Series
from agent.store.runs import keys as run_keys
from agent.store.runs.cells import Reference, Run
from agent.store.runs.differences import config_values, identity
from agent.store.runs.parsing import parse_keys
from web_stub.budget import BudgetRoute, large, while_wanted
from web_stub.charts.axes import Axis
from web_stub.charts.bands import Spread, band
from web_stub.charts.curves import Look
from web_stub.charts.downsample import MIN_POINTS, Chart
from web_stub.context import Web, WebDep
from web_stub.json_response import json_response
from web_stub.parameters import LARGEST_ID
from web_stub.resources import compared
from web_stub.resources.metrics import ChartSeries
from web_stub.resources.runs import Run as RunCells
from web_stub.resources.runs import RunColumn

T = TypeVar("T")

router = APIRouter(route_class=BudgetRoute, tags=["runs"])

MOST_RUNS = 1000
_MOST_KEYS = 1000  # of configs, in one answer
_MOST_COLUMNS = 100
_MAX_POINTS = 400_000  # of all curves in an answer, which is then about 20 MB before it is packed


class ComparedQuery(BaseModel):
    """Which runs."""

    runs: Annotated[str, Field(description="ids of tasks, with commas: 1,5,9", max_length=20_000)]

    def ids(self) -> list[int]:
        words = [word for word in re.split(r"[,\s]+", self.runs) if word]
        for word in words:
            if not re.fullmatch("[0-9]{1,19}", word) or not 0 < int(word) <= LARGEST_ID:
                raise BadInput(f'runs: "{word[:50]}" is no id of a task; write them with commas: runs=1,5,9')
        ids = list(dict.fromkeys(map(int, words)))
        if not ids:
            raise BadInput("runs: name the tasks to compare by their ids, with commas: runs=1,5,9")
        if len(ids) > MOST_RUNS:
            raise BadInput(f"runs: {len(ids)} are too many; compare at most {MOST_RUNS} at once")
        return ids


class ValuesQuery(ComparedQuery):
    columns: Annotated[list[str], Field(max_length=200, description="as in /api/runs")]


class CurvesQuery(ComparedQuery):
    name: Annotated[str, Field(description="of the metric")]
    kind: Annotated[list[str] | None, Field(description="train, val, …; every kind when left out")] = None
    x: Annotated[Axis, Field(description="step counts points from 1; time is seconds since the run began")] = "epoch"
    max_points: Annotated[
        int, Field(ge=MIN_POINTS, le=100_000, description="of each curve; of very many curves fewer")
    ] = 500
    start: Annotated[
        float | None, Field(alias="from", allow_inf_nan=False, description="left edge of the window, in x")
    ] = None
    end: Annotated[float | None, Field(alias="to", allow_inf_nan=False, description="right edge")] = None
    smoothing: Annotated[float, Field(ge=0, le=0.9999, description="weight of the past in `smooth`")] = 0.0


class PointsQuery(CurvesQuery):
    thin: Annotated[Literal["extremes", "mean"], Field(description="what a curve beyond max_points becomes")] = (
        "extremes"
    )
    ranges: Annotated[bool, Field(description="with thin=mean: whether `low` and `high` come along")] = True


class BandsQuery(CurvesQuery):
    group: Annotated[
        list[str], Field(min_length=1, max_length=8, description="columns whose equal values make a group")
    ]
    spread: Annotated[
        Spread, Field(description="the band: from least to greatest value, or mean ± sample deviation")
    ] = "range"


@router.get("/runs/compared", response_model=compared.RunComparison)
@large
def compare_runs(web: WebDep, query: Annotated[ComparedQuery, Query()]) -> Response:
    """What the runs are, the metrics that any of them has, and where their configs differ."""
    ids = query.ids()
    runs = _rows(web, ids, "name", "status", "started")
    known = [run.id for run in runs]
    configs = web.store.runs.configs(known)
    values = config_values([configs.get(id_) for id_ in known])
    some = [
        compared.ConfigValues.of(one, values=list(one.values), which=list(one.which)) for one in values[:_MOST_KEYS]
    ]
    are_equal = [one.is_equal for one in values]
    return json_response(
        compared.RunComparison(
            runs=[
                compared.ComparedRun(id=run.id, name=name, status=status, started_at=started)
                for run in runs
                for name, status, started in [run.cells]
            ],
            unknown=_unknown(ids, known),
            metrics=[
                compared.ComparedMetric(kind=kind, name=name, runs=count)
                for (kind, name), count in web.store.metrics.names_of_tasks(known).items()
            ],
            different=[one for one, is_equal in zip(some, are_equal, strict=False) if not is_equal],
            equal=[one for one, is_equal in zip(some, are_equal, strict=False) if is_equal],
            keys_count=len(values),
        )
    )


@router.get("/runs/values", response_model=compared.RunValues)
@large
def get_run_values(web: WebDep, query: Annotated[ValuesQuery, Query()]) -> Response:
    """Columns of the table of runs, of these runs."""
    ids = query.ids()
    columns, runs = web.store.runs.chosen(ids, _keys(query.columns, "columns"))
    return json_response(
        compared.RunValues(
            columns=[RunColumn.of(column) for column in columns],
            rows=[RunCells(id=run.id, cells=list(run.cells)) for run in runs],
            unknown=_unknown(ids, [run.id for run in runs]),
        )
    )


@router.get("/runs/points", response_model=compared.RunCurves)
@large
def get_run_points(web: WebDep, query: Annotated[PointsQuery, Query()]) -> Response:
    """The curves of one metric of many runs in one answer, as `/api/tasks/{id}/points` gives those of one run."""
    ids = query.ids()
    known = _known(web, ids)
    curves = []
    for run, series, drawn in _curves(web, known, query, as_means=query.thin == "mean"):
        points = ChartSeries.of(series, drawn, count=series.count, last_seq=series.last_seq)
        if not query.ranges:
            points.low = points.high = None  # type: ignore[misc]
        curves.append(compared.RunCurve(run=run, series=points))
    curves.sort(key=_by_place(ids, operator.attrgetter("run")))
    return json_response(compared.RunCurves(x=query.x, curves=curves, unknown=_unknown(ids, known)))


@router.get("/runs/bands", response_model=compared.RunBands)
@large
def get_run_bands(web: WebDep, query: Annotated[BandsQuery, Query()]) -> Response:
    """The curves of one metric by equal values of `group`: mean and band over those runs that reach an x.

    With `smoothing` the smoothed curves are averaged. A curve beyond max_points is averaged by its means.
    """
    ids = query.ids()
    _, runs = web.store.runs.chosen(ids, _keys(query.group, "group"), "group")
    cells = {run.id: list(run.cells) for run in runs}
    groups: dict[object, tuple[list[object], dict[str, dict[int, Chart]]]] = {}
    drawn = sorted(_curves(web, list(cells), query, as_means=True), key=_by_place(ids, operator.itemgetter(0)))
    for run, series, curve in drawn:
        key = cells[run]
        _, by_kind = groups.setdefault(tuple(map(_identity, key)), (key, {}))
        by_kind.setdefault(series.kind, {})[run] = curve
    bands = [
        _band(key, kind, curves, query)
        for key, by_kind in while_wanted(groups.values())
        for kind, curves in by_kind.items()
    ]
    unknown = _unknown(ids, list(cells))
    return json_response(compared.RunBands(x=query.x, spread=query.spread, bands=bands, unknown=unknown))


def _band(key: list[object], kind: str, curves: dict[int, Chart], query: BandsQuery) -> compared.RunBand:
    lines = [(curve.x, curve.y if curve.smooth is None else curve.smooth) for curve in curves.values()]
    found = band(lines, spread=query.spread, max_points=query.max_points)
    columns = {name: getattr(found, name).tolist() for name in ("x", "mean", "low", "high", "count")}
    return compared.RunBand(key=key, runs=list(curves), kind=kind, **columns)


def _curves(web: Web, ids: Sequence[int], query: CurvesQuery, *, as_means: bool) -> Iterator[tuple[int, Series, Chart]]:
    """(run, series, what is drawn of it), by task. A metric that none of them has gives none."""
    found = web.store.metrics.of_tasks(ids, query.name, query.kind or ())
    if not found:
        return
    most = max(MIN_POINTS, min(query.max_points, _MAX_POINTS // len(found)))
    starts = _starts(web, ids) if query.x == "time" else {}
    look = Look(query.x, most, (query.start, query.end), as_means=as_means, smoothing=query.smoothing)
    drawn = web.curves.draw_all(found, look, lambda series: starts.get(series.task_id))
    for series, curve in while_wanted(zip(found, drawn, strict=True)):
        if curve.count:
            yield series.task_id, series, curve.chart


def _starts(web: Web, ids: Sequence[int]) -> dict[int, int]:
    """Task → its start, in µs since 1970."""
    starts = {run.id: run.cells[0] for run in _rows(web, ids, "started")}
    return {id_: round(start.timestamp() * 1e6) for id_, start in starts.items() if start is not None}


def _rows(web: Web, ids: Sequence[int], *fields: str) -> Sequence[Run]:
    return web.store.runs.chosen(ids, [run_keys.Field(name) for name in fields])[1]


def _known(web: Web, ids: Sequence[int]) -> list[int]:
    return [run.id for run in _rows(web, ids, "id")]


def _unknown(ids: Sequence[int], known: Sequence[int]) -> list[int]:
    there = set(known)
    return [id_ for id_ in ids if id_ not in there]


def _by_place(ids: Sequence[int], run_of: Callable[[T], int]) -> Callable[[T], int]:
    """For sorting: the place of a curve's run among those asked for."""
    place = {id_: index for index, id_ in enumerate(ids)}
    return lambda curve: place[run_of(curve)]


def _identity(cell: object) -> object:
    return cell.id if isinstance(cell, Reference) else identity(cell)


def _keys(texts: Sequence[str], what: str) -> list[run_keys.Key]:
    keys = parse_keys(texts, what)
    if not keys:
        raise BadInput(f"{what}: name a column, for example config.lr")
    if len(keys) > _MOST_COLUMNS:
        raise BadInput(f"{what}: {len(keys)} are too many; name at most {_MOST_COLUMNS}")
    return keys
