"""A long series at a distance: summaries of its packed points, and the few points that are in none."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.store.connect import Database
from agent.store.failures import damaged
from agent.store.packed_numbers import POINTS
from agent.store.point_summaries import Bins, read_summary
from agent.store.points import floats
from agent.store.schema import point_blocks, point_summaries, series

_MOST_LOOSE = 1 << 16  # points outside of summaries: with more, an outline is not quicker than all points

_WHOLE = sa.select(series.c.count.label("points"), series.c.last_seq).where(series.c.id == sa.bindparam("series"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive points by their epochs and values, of which NaN is no number."""

    epoch: memoryview[float]
    value: memoryview[float]


@dataclass(frozen=True, slots=True)
class Outline:
    """All points of a series, in their order."""

    count: int
    last_seq: int
    parts: Sequence[tuple[int, Bins | Stretch]]  # each with its number of points
    blocks: Sequence[tuple[int, int]]  # the first line of each block of points, and how many points are before it


def read_outline(database: Database, series_id: int) -> Outline | None:
    """None where most points have no summary: of a short series, of a task that runs, of one that ended long ago."""
    summaries = point_summaries.c
    found = (
        sa.select(summaries.first_seq, summaries.last_seq, summaries.count.label("points"), summaries.data)
        .where(summaries.series_id == series_id)
        .order_by(summaries.first_seq)
    )
    blocks = point_blocks.c
    heads = sa.select(blocks.first_seq, blocks.count.label("points")).where(blocks.series_id == series_id)
    with database.reading() as connection:
        rows = connection.execute(found).all()
        whole = connection.execute(_WHOLE, {"series": series_id}).first()
        if not rows or whole is None:
            return None
        listed = connection.execute(heads.order_by(blocks.first_seq)).all()
        ranges = [row.first_seq for row in rows]

        def is_loose(first_seq: int) -> bool:
            place = bisect_right(ranges, first_seq) - 1
            return place < 0 or rows[place].last_seq < first_seq

        loose = [head for head in listed if is_loose(head.first_seq)]
        if sum(head.points for head in loose) > _MOST_LOOSE:
            return None
        parts: list[tuple[int, int, Bins | Stretch]] = [
            (row.first_seq, row.points, read_summary(row.data, row.points)) for row in rows
        ]
        for head in loose:
            stretch = _stretch(connection, series_id, head.first_seq, head.first_seq)
            parts.append((head.first_seq, head.points, stretch))
    parts.sort(key=lambda part: part[0])
    if sum(part[1] for part in parts) != whole.points or sum(head.points for head in listed) != whole.points:
        return None  # written between two of the questions, on a server
    starts, points = [], 0
    for head in listed:
        starts.append((head.first_seq, points))
        points += head.points
    return Outline(whole.points, whole.last_seq, [part[1:] for part in parts], starts)


def read_stretch(database: Database, series_id: int, first: int, last: int) -> Stretch:
    """The points of the blocks that begin with these lines and those between."""
    with database.reading() as connection:
        return _stretch(connection, series_id, first, last)


def _stretch(connection: sa.Connection, series_id: int, first: int, last: int) -> Stretch:
    blocks = point_blocks.c
    found = sa.select(blocks.epochs, blocks.point_values).where(
        blocks.series_id == series_id, blocks.first_seq.between(first, last)
    )
    rows: Sequence[Any] = connection.execute(found.order_by(blocks.first_seq)).all()
    stretch = Stretch(floats(row.epochs for row in rows), floats(row.point_values for row in rows))
    if len(stretch.epoch) != len(stretch.value):
        raise damaged(POINTS)
    return stretch
