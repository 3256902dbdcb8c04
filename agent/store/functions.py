"""Functions of SQL that SQLite lacks: every connection to an SQLite file has them."""

from __future__ import annotations

import math
import sqlite3

from agent.store.columns import agent_name
from agent.store.search import fold


class SampleDeviation:
    """The standard deviation of a sample, in one pass that loses no digits (Welford). Null for fewer than two."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0  # of the distances from the mean

    def step(self, number: float | None) -> None:
        if number is not None:
            self._count += 1
            away = number - self._mean
            self._mean += away / self._count
            self._squares += away * (number - self._mean)

    def finalize(self) -> float | None:
        return math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else None


def add_functions(connection: sqlite3.Connection) -> None:
    connection.create_function("fold", 1, fold, deterministic=True)
    connection.create_function("agent_name", 1, _agent_name, deterministic=True)
    connection.create_aggregate("sample_deviation", 1, SampleDeviation)  # type: ignore[arg-type]


def _agent_name(agent_id: str | None) -> str | None:
    return None if agent_id is None else agent_name(agent_id)
