from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan, nan
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import NewTask, Task, TaskStatus
from agent.errors import Conflict, StorageFailed
from agent.events.model import Event, Level, Metrics, Stream
from agent.store import EventRow, Series, Store, open_store
from agent.store.columns import finite
from agent.store.schema import point_blocks, tasks
from tests.support.fuzzing import fuzz


def row(seq: int, epoch: float | None, kind: str = "train", **values: float | None) -> EventRow:
    body = Metrics(kind, epoch, values)
    return EventRow(seq, Event("x", Stream.STDERR, 1000 + seq, Level.INFO, "metrics", "METRICS", body))


def test_every_name_of_a_kind_is_a_series(store: Store, task: Task) -> None:
    store.events.append(task.id, [row(1, 0.5, loss=2.0, acc=0.1), row(2, 0.5, "val", loss=3.0)], lines_read=2)
    store.events.append(task.id, [row(3, 1.0, loss=1.0)], lines_read=3)

    train_loss, acc, val_loss = store.metrics.series(task.id)

    assert train_loss == Series(train_loss.id, task.id, "train", "loss", 2, 1.0, 1.0, 3, 1.0, 1.0, 2.0, 0.5)
    assert acc == Series(acc.id, task.id, "train", "acc", 1, 0.5, 0.1, 1, 0.1, 0.5, 0.1, 0.5)
    assert val_loss == Series(val_loss.id, task.id, "val", "loss", 1, 0.5, 3.0, 2, 3.0, 0.5, 3.0, 0.5)


def test_a_line_with_ten_thousand_new_names_takes_a_few_statements(sqlite_store: Store, new_task: Any) -> None:
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    statements: list[str] = []
    sa.event.listen(
        sqlite_store._db.engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *more: statements.append(statement),
    )
    names = [f"m{number}" for number in range(10_000)]
    values: Any = dict.fromkeys(names, 1.0)
    sqlite_store.events.append(task.id, [row(1, 1.0, **values)], lines_read=1)
    inserts = [text for text in statements if "INTO series" in text]
    assert 0 < len(inserts) <= 50
    assert [series.name for series in sqlite_store.metrics.series(task.id)] == names, "in the order of the line"
    assert all(series.count == 1 for series in sqlite_store.metrics.series(task.id))


def test_points_come_back_in_the_order_printed(store: Store, task: Task) -> None:
    store.events.append(task.id, [row(1, 2.0, loss=1.5), row(4, 1.0, loss=1.25)], lines_read=4)
    (series,) = store.metrics.series(task.id)

    points = store.metrics.points(series.id)

    assert (points.seq, points.epoch, points.value, points.time_us) == ([1, 4], [2.0, 1.0], [1.5, 1.25], [1001, 1004])
    assert store.metrics.points(99).seq == []


def test_a_value_that_is_not_a_number_is_none(store: Store, task: Task) -> None:
    store.events.append(
        task.id,
        [row(1, nan, loss=inf), row(2, None, loss=None), row(3, 10**400, loss=-inf), row(4, 1, loss=2)],
        lines_read=4,
    )
    (series,) = store.metrics.series(task.id)

    points = store.metrics.points(series.id)
    arrays = store.metrics.points_arrays(series.id)

    assert points.epoch == [None, None, None, 1.0]
    assert points.value == [None, None, None, 2.0]
    assert [isnan(value) for value in arrays.value] == [True, True, True, False]
    assert arrays.seq.tolist() == [1, 2, 3, 4]
    store.events.append(task.id, [row(5, inf, loss=nan)], lines_read=5)
    (series,) = store.metrics.series(task.id)
    assert (series.last_epoch, series.last_value) == (None, None)


def test_points_are_cut_by_event_epoch_and_number(store: Store, task: Task) -> None:
    store.events.append(task.id, [row(seq, seq / 10, loss=float(seq)) for seq in range(1, 200)], lines_read=199)
    store.events.append(task.id, [row(200, None, loss=0.0), row(201, 20.0, loss=201.0)], lines_read=201)
    (series,) = store.metrics.series(task.id)

    def seqs(**question: Any) -> list[int]:
        return store.metrics.points(series.id, **question).seq

    assert seqs(after_seq=198) == [199, 200, 201]
    assert seqs(after_seq=201) == []
    assert seqs(limit=3) == [1, 2, 3]
    assert seqs(epoch_from=19.8, epoch_to=19.9) == [198, 199]
    assert seqs(epoch_from=19.9) == [199, 201]
    assert seqs(epoch_to=0.1) == [1]
    assert seqs(epoch_from=0.1, epoch_to=0.3, after_seq=1, limit=1) == [2]


def test_a_slow_training_does_not_leave_a_row_per_point(sqlite_store: Store, new_task: Callable[..., NewTask]) -> None:
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    for seq in range(1, 301):
        sqlite_store.events.append(task.id, [row(seq, seq / 10, loss=float(seq))], lines_read=seq)
    (series,) = sqlite_store.metrics.series(task.id)

    assert sqlite_store.metrics.points(series.id).value == [float(seq) for seq in range(1, 301)]
    with sqlite_store._db.reading() as connection:
        blocks = connection.exec_driver_sql("SELECT first_seq, count FROM point_blocks ORDER BY 1").all()
    assert [tuple(block) for block in blocks] == [(1, 128), (129, 128), (257, 44)]


def test_points_of_an_ended_task_are_packed_and_stay_the_same(store: Store, task: Task) -> None:
    """Through every reader; and a later attempt adds to them."""
    first = [row(seq, seq / 8, loss=1 / seq, acc=round(0.9 + seq / 1e4, 4), odd=nan) for seq in range(1, 2500)]
    for at in range(0, len(first), 100):
        store.events.append(task.id, first[at : at + 100], lines_read=at)

    def seen() -> list[Any]:
        found: list[Any] = [store.metrics.points_between(task.id, 2000, 2100)]
        for series in store.metrics.series(task.id):
            arrays = store.metrics.points_arrays(series.id)
            found += [column.tobytes() for column in (arrays.seq, arrays.epoch, arrays.value, arrays.time_us)]
            found += [store.metrics.points(series.id, after_seq=77, epoch_from=20, epoch_to=250)]
            found += [store.metrics.newest_epochs(series.id)[1]]
        return found

    before, size = seen(), points_bytes(store)
    assert not store.metrics.pack_ended(portions=9)
    store.metrics.pack(task.id)
    assert points_bytes(store) == size, "it runs"
    store.tasks.request_stop(task.id)
    assert store.metrics.pack_ended(portions=1) in (True, False)
    store.metrics.pack(task.id)

    assert seen() == before
    assert points_bytes(store) < size / 5
    assert not store.metrics.pack_ended(portions=1)
    assert store.damage() == ()
    with store._db.writing() as connection:  # as another attempt of the task begins
        connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(status="started", attempt=2))
    store.events.append(task.id, [row(9000, 1.0, loss=5.0)], lines_read=1)
    store.events.append(task.id, [row(9001, 2.0, loss=6.0)], lines_read=2)
    loss = store.metrics.series(task.id)[0]
    assert store.metrics.points(loss.id).seq == [*range(1, 2500), 9000, 9001]
    assert loss.count == 2501


@pytest.mark.parametrize("column", ["epochs", "seqs", "times_us"])
def test_points_that_lack_numbers_are_said_to_be_damaged(store: Store, task: Task, column: str) -> None:
    store.events.append(task.id, [row(seq, 1.0, loss=1.0) for seq in range(1, 9)], lines_read=8)
    (loss,) = store.metrics.series(task.id)
    with store._db.writing() as connection:
        connection.execute(sa.update(point_blocks).values({column: bytes(8)}))
    for read in (
        lambda: store.metrics.points(loss.id),
        lambda: store.metrics.points_arrays(loss.id),
        lambda: store.metrics.points_between(task.id, 0, 9),
    ):
        with pytest.raises(StorageFailed, match="damaged"):
            read()


def test_a_writer_that_goes_on_after_the_end_doubles_no_point(store: Store, task: Task) -> None:
    """An agent that was cut off, and whose task was ended for it: its memory of the last blocks is of no use then."""
    for seq in range(1, 301):
        store.events.append(task.id, [row(seq, 1.0, loss=1.0)], lines_read=seq)
    store.tasks.become(task.id, TaskStatus.CONSUMED)
    store.tasks.become(task.id, TaskStatus.ERROR)
    for seq in (301, 302):
        store.metrics.pack(task.id)
        store.events.append(task.id, [row(seq, 1.0, loss=1.0)], lines_read=seq)
    (loss,) = store.metrics.series(task.id)
    assert store.metrics.points(loss.id).seq == [*range(1, 303)]


def test_ten_thousand_series_of_a_point_each_are_packed_in_a_few_statements(
    sqlite_store: Store, new_task: Callable[..., NewTask]
) -> None:
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    values: Any = {f"m{number}": number / 7 for number in range(10_000)}
    sqlite_store.events.append(task.id, [row(1, 1.0, **values)], lines_read=1)
    sqlite_store.tasks.request_stop(task.id)
    statements: list[str] = []
    sa.event.listen(
        sqlite_store._db.engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *more: statements.append(statement),
    )
    sqlite_store.metrics.pack(task.id)
    assert 5 <= len(statements) < 100
    assert not sqlite_store.metrics.pack_ended(portions=1)
    assert [sqlite_store.metrics.points(one.id).value for one in sqlite_store.metrics.series(task.id)[::999]] == [
        [number / 7] for number in range(0, 10_000, 999)
    ]


def test_a_task_that_is_being_deleted_is_not_packed(store: Store, task: Task) -> None:
    """Its rows are deleted in pieces, beside everything else."""
    store.events.append(task.id, [row(seq, 1.0, loss=1.0) for seq in range(1, 99)], lines_read=98)
    store.tasks.request_stop(task.id)
    with store._db.writing() as connection:
        connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(deleted_us=0))
    size = points_bytes(store)
    assert not store.metrics.pack_ended(portions=1)
    store.metrics.pack(task.id)
    assert points_bytes(store) == size


def points_bytes(store: Store) -> int:
    columns = (point_blocks.c.epochs, point_blocks.c.point_values, point_blocks.c.seqs, point_blocks.c.times_us)
    with store._db.reading() as connection:
        return sum(connection.execute(sa.select(sa.func.sum(sa.func.length(one)))).scalar_one() for one in columns)


def test_another_agent_goes_on_where_the_first_one_stopped(store: Store, store_url: str, task: Task) -> None:
    with open_store(store_url) as other:
        for seq, writer in enumerate([store, other, store, store, other, store], 1):
            writer.events.append(task.id, [row(seq, float(seq), loss=float(seq))], lines_read=seq)

    (series,) = store.metrics.series(task.id)
    assert series.count == 6
    assert store.metrics.points(series.id).seq == [1, 2, 3, 4, 5, 6]


def test_names_that_cannot_be_keys_are_cut_and_cleaned(store: Store, task: Task) -> None:
    long, bad = "n" * 5000, "a\ud800\0"
    store.events.append(task.id, [row(1, 1.0, "train", **{long: 1.0, bad: 2.0})], lines_read=1)
    store.events.append(task.id, [row(2, 2.0, "train", **{long: 1.0, "a\udfff\0": 3.0})], lines_read=2)

    first, second = store.metrics.series(task.id)

    assert first.name == "n" * 499 + "…"
    assert (second.name, second.count) == ("a\ufffd␀", 2)
    assert store.metrics.points(second.id).value == [2.0, 3.0]


def test_the_task_list_shows_the_last_metric(store: Store, task: Task) -> None:
    store.events.append(task.id, [row(1, 0.5, loss=2.0), row(2, 0.5, "val", iou=0.7, loss=1.0)], lines_read=2)

    (summary,) = store.tasks.summaries()

    assert (summary.metric_kind, summary.metric_name, summary.metric_epoch, summary.metric_value) == (
        "val",
        "iou",
        0.5,
        0.7,
    )


@fuzz(40)
@given(batches=st.lists(st.lists(st.floats() | st.none() | st.integers(), min_size=1, max_size=130), max_size=4))
def test_every_point_arrives(
    sqlite_store: Store, new_task: Callable[..., NewTask], batches: list[list[float | None]]
) -> None:
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    seq = 0
    for batch in batches:
        sqlite_store.events.append(
            task.id, [row(seq + i, value, loss=value) for i, value in enumerate(batch, 1)], lines_read=0
        )
        seq += len(batch)
    sent = [value for batch in batches for value in batch]
    wanted = [None if value is None or finite(value) is None else float(value) for value in sent]

    got = [sqlite_store.metrics.points(series.id) for series in sqlite_store.metrics.series(task.id)]

    assert len(got) == (1 if sent else 0)  # one name, one series
    for points in got:
        assert points.value == wanted
        assert points.epoch == wanted
        assert points.seq == list(range(1, len(sent) + 1))


@fuzz(40)
@given(batches=st.lists(st.lists(st.floats() | st.none() | st.integers(), min_size=1, max_size=130), max_size=4))
def test_extremes_are_those_of_all_points_however_they_came(
    sqlite_store: Store, new_task: Callable[..., NewTask], batches: list[list[float | None]]
) -> None:
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    seq = 0
    for batch in batches:
        lines = [row(seq + i, float(seq + i), loss=value) for i, value in enumerate(batch, 1)]
        sqlite_store.events.append(task.id, lines, lines_read=0)
        seq += len(batch)
    numbers = [
        (float(number), float(i))
        for i, number in enumerate((value for batch in batches for value in batch), 1)
        if number is not None and finite(number) is not None
    ]
    for series in sqlite_store.metrics.series(task.id):
        if not numbers:
            assert (series.min_value, series.min_epoch, series.max_value, series.max_epoch) == (None,) * 4
            continue
        low, high = min(number for number, _ in numbers), max(number for number, _ in numbers)
        assert (series.min_value, series.max_value) == (low, high)
        assert series.min_epoch == next(epoch for number, epoch in numbers if number == low)
        assert series.max_epoch == next(epoch for number, epoch in numbers if number == high)


def test_extremes_grow_with_each_write(store: Store, task: Task) -> None:
    def seen() -> tuple[float | None, ...]:
        (found,) = store.metrics.series(task.id)
        return found.min_value, found.min_epoch, found.max_value, found.max_epoch

    store.events.append(task.id, [row(1, 1, loss=None)], lines_read=1)
    assert seen() == (None, None, None, None)
    store.events.append(task.id, [row(2, 2, loss=0.5), row(3, 3, loss=0.5)], lines_read=3)
    assert seen() == (0.5, 2, 0.5, 2)
    store.events.append(task.id, [row(4, 4, loss=0.25), row(5, None, loss=9.0), row(6, 6, loss=0.75)], lines_read=6)
    assert seen() == (0.25, 4, 9.0, None)
    with pytest.raises(Conflict):  # the same lines again, as after a crash between two agents
        store.events.append(task.id, [row(6, 6, loss=-1.0)], lines_read=6)
    assert seen() == (0.25, 4, 9.0, None)
