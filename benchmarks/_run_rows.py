"""Ten thousand runs as values, and as rows of this project.

Tasks and last values are written past the store's methods, in one transaction. The curves of the runs that are compared
go through the store as printed lines do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import sqlalchemy as sa

from agent.events.model import Stream
from agent.events.parse import parse_line
from agent.store import EventRow, Store
from agent.store.columns import to_json
from agent.store.runs.values import config_values as values_of
from agent.store.schema import config_values, series, tasks
from benchmarks.store import new_task

RUNS = 10_000
COMPARED, STEPS = 100, 200  # the newest runs have curves of all their metrics
_AT_ONCE = 1000
METRICS = ("train.loss", "val.loss", "val.iou", "val.accuracy")


@dataclass(frozen=True, slots=True)
class RunRow:
    number: int  # from 1
    config: Mapping[str, Any]
    metrics: Mapping[str, float]  # last values
    status: str
    took_s: int

    @property
    def is_compared(self) -> bool:
        return self.number > RUNS - COMPARED

    def curve(self, metric: str) -> list[float]:
        """Values of a metric, a step each; the last is its value."""
        last = self.metrics[metric]
        return [round(last + (STEPS - 1 - step) / STEPS * (1 + step % 7 / 10), 6) for step in range(STEPS)]

    @property
    def params(self) -> dict[str, Any]:
        """The config as one level: twenty values by their paths."""
        inner = self.config["batch_size"]
        flat = {name: value for name, value in self.config.items() if name != "batch_size"}
        return {**flat, **{f"batch_size.{name}": value for name, value in inner.items()}}


def rows() -> Iterator[RunRow]:
    """The same runs every time."""
    chance = random.Random(7)
    for number in range(1, RUNS + 1):
        config = {
            "lr": chance.choice([0.1, 0.01, 0.001, 0.0001]),
            "batch_size": {"train": chance.choice([8, 16, 32]), "val": 8},
            "epochs": chance.randint(5, 50),
            "optimizer": chance.choice(["adam", "sgd"]),
            **{f"key{i:02}": round(chance.random(), 6) for i in range(15)},
        }
        metrics = {name: round(chance.random(), 6) for name in METRICS}
        status = chance.choices(["finished", "error", "stopped"], [7, 2, 1])[0]
        yield RunRow(number, config, metrics, status, chance.randint(60, 7200))


def fill_runs(store: Store) -> int:
    """Write the runs; a run's task has its number added to the one that is given."""
    template = new_task(store)
    every = rows()
    with store._db.writing() as connection:
        found = connection.execute(sa.select(tasks).where(tasks.c.id == template)).one()
        fixed = {**found._mapping, "reason": "plugin_exit"}
        while some := list(islice(every, _AT_ONCE)):
            connection.execute(sa.insert(tasks), [{**fixed, **_task(run, template, found.created_us)} for run in some])
            connection.execute(sa.insert(config_values), [value for run in some for value in _values(run, template)])
            plain = [one for run in some if not run.is_compared for one in _series(run, template)]
            if plain:
                connection.execute(sa.insert(series), plain)
    for run in rows():
        if run.is_compared:
            lines = list(_lines(run))
            store.events.append(template + run.number, lines, lines_read=len(lines))
    return template


def _task(run: RunRow, template: int, now_us: int) -> dict[str, Any]:
    started_us = now_us + run.number * 1_000_000
    return {
        "id": template + run.number,
        "name": f"run {run.number}",
        "status": run.status,
        "config": to_json(run.config),
        "started_us": started_us,
        "finished_us": started_us + run.took_s * 1_000_000,
    }


def _values(run: RunRow, template: int) -> Iterator[dict[str, Any]]:
    return ({"task_id": template + run.number, **value._asdict()} for value in values_of(run.config))


def _series(run: RunRow, template: int) -> Iterator[dict[str, Any]]:
    for name, value in run.metrics.items():
        kind, _, metric = name.partition(".")
        extremes = {"min_value": value / 2, "max_value": value, "min_epoch": 1.0, "max_epoch": 9.0}
        last = {"count": 10, "last_seq": 20, "last_epoch": 9.0, "last_value": value}
        yield {"task_id": template + run.number, "kind": kind, "name": metric, **last, **extremes}


def _lines(run: RunRow) -> Iterator[EventRow]:
    """Its metrics as a plugin prints them: a line for each step and kind."""
    curves = {name: run.curve(name) for name in METRICS}
    numbers = count(1)
    for step in range(STEPS):
        for kind in ("train", "val"):
            said = {name.partition(".")[2]: curve[step] for name, curve in curves.items() if name.startswith(kind)}
            line = {
                "event_type": "EventType.METRICS",
                "type": kind,
                "epoch": step,
                "metrics": said,
                "message": "metrics",
            }
            yield EventRow(next(numbers), parse_line(to_json(line), Stream.STDERR, step))
