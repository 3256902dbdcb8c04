"""What tasks use of their machine over time: a row per reading, and the peaks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import astuple, dataclass, fields

import sqlalchemy as sa

from agent.store.among import among
from agent.store.columns import finite, int64
from agent.store.connect import Database
from agent.store.events import has_note
from agent.store.schema import usage

SHARED_GPUS = "SHARED_GPUS"  # the type of the agent's note that memory on GPUs is that of every program on them


@dataclass(frozen=True, slots=True)
class UsageSample:
    """A reading. Rates are of the time since the reading before; None: not known.

    Percents are of one processor or GPU: 250 are two and a half busy ones.
    """

    time_us: int
    cpu_percent: float | None
    memory_bytes: int | None
    processes: int | None
    received_per_s: float | None = None  # bytes, as the three below
    sent_per_s: float | None = None
    read_per_s: float | None = None
    written_per_s: float | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class UsagePeaks:
    cpu_percent: float | None
    memory_bytes: int | None
    gpu_percent: float | None
    gpu_memory_bytes: int | None


_COLUMNS = [usage.c[field.name] for field in fields(UsageSample)]
_PEAKS = [sa.func.max(usage.c[field.name]) for field in fields(UsagePeaks)]


class UsageSamples:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, task_id: int, *samples: UsageSample) -> None:
        """Keep readings. A second one of the same moment takes its place. On a server they wake no reader."""
        with self._db.writing(durable=False, wakes=False) as connection:
            for sample in samples:
                values = {
                    field.name: finite(value) if isinstance(value, float) else value and int64(value)
                    for field, value in zip(fields(sample), astuple(sample), strict=True)
                }
                insert = self._db.insert(usage).values(task_id=task_id, **values)
                connection.execute(insert.on_conflict_do_update(index_elements=["task_id", "time_us"], set_=values))

    def list(self, task_id: int, *, after_us: int = 0, limit: int | None = None) -> list[UsageSample]:
        """The readings of a task after this moment, in the order of time."""
        found = sa.select(*_COLUMNS).where(usage.c.task_id == task_id, usage.c.time_us > after_us)
        with self._db.reading() as connection:
            return [UsageSample(*row) for row in connection.execute(found.order_by(usage.c.time_us).limit(limit))]

    def is_of_shared_gpus(self, task_id: int) -> bool:
        """Whether the memory on GPUs is that of every program on them, because the task's could not be told apart."""
        with self._db.reading() as connection:
            return has_note(connection, task_id, SHARED_GPUS)

    def peaks(self, task_ids: Collection[int]) -> dict[int, UsagePeaks]:
        """Task → its highest values; a task without readings is left out."""
        found = sa.select(usage.c.task_id, *_PEAKS).where(among(self._db, usage.c.task_id, task_ids))
        with self._db.reading() as connection:
            return {row[0]: UsagePeaks(*row[1:]) for row in connection.execute(found.group_by(usage.c.task_id))}
