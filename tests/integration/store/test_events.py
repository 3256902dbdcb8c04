from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from agent.domain import NewTask, Task, TaskStatus
from agent.errors import BadInput, Conflict, NotFound, StorageFailed
from agent.events.model import Event, Level, Progress, Stream
from agent.events.parse import parse_line
from agent.store import EventRow, Lines, ProgressBar, Store, StoredEvent, line_blocks, line_filter, open_store
from agent.store.bulk import BulkInsert
from agent.store.line_blocks import KeptLine, LineColumns, pack
from agent.store.schema import line_blocks as line_blocks_table
from agent.store.schema import progress
from tests.support.fuzzing import fuzz

LOSS = (
    '{"message": "metrics", "event_type": "EventType.METRICS", "type": "train", "epoch": %s, "metrics": {"loss": %s}}'
)
BAR = '{"message": "progress", "event_type": "EventType.PROGRESS", "subtask": "%s", "current": %d, "total": %d}'


def lines(texts: Sequence[str], first_seq: int = 1) -> list[EventRow]:
    return [
        EventRow(seq, parse_line(text, Stream.STDERR, 1_700_000_000_000_000 + seq))
        for seq, text in enumerate(texts, first_seq)
    ]


def hostile_texts() -> st.SearchStrategy[str]:
    """Texts with what COPY, SQL and UTF-8 take for signs of their own."""
    signs = st.sampled_from(
        ["\t", "\n", "\r", "\r\n", "\\", "\\N", "\\.", "\0", "\ud800", "\udfff", '"', "'", "%s", "?", "x"]
    )
    return st.one_of(
        st.just(""),
        st.lists(signs, max_size=8).map("".join),
        st.text(st.characters(codec=None), max_size=20),
        st.builds(str.__mul__, signs, st.just(70_000)),
    )


def note(text: str) -> Event:
    return Event(text, Stream.AGENT, 1, Level.INFO, text, text[:20] or None, fields={"text": text})


def test_a_line_comes_back_as_it_was_read(store: Store, task: Task) -> None:
    texts = [
        "plain text with {brace",
        '{"message": "low memory", "free_mb": 12, "level": "warn"}',
        LOSS % ("0.5", "0.25"),
        '{"message": "checkpoint", "event_type": "EventType.CHECKPOINT", "id": "no number", "level": "info"}',
        "",
        "漢 é \U0001f600",
    ]
    rows = lines(texts)

    store.events.append(task.id, rows, lines_read=6)

    stored = store.events.after(task.id)
    assert [event.raw for event in stored] == texts
    for row, event in zip(rows, stored, strict=True):
        assert event.task_id == task.id
        assert event.seq == row.seq
        assert (event.stream, event.level, event.event_type) == (
            row.event.stream,
            row.event.level,
            row.event.event_type,
        )
        assert (event.message, event.fields, event.parse_error) == (
            row.event.message,
            row.event.fields,
            row.event.parse_error,
        )
    assert stored[0].time == datetime.fromtimestamp(1_700_000_000, UTC).replace(microsecond=1)


def test_an_event_of_the_agent_keeps_message_and_fields(store: Store, task: Task) -> None:
    note = Event(
        raw="{}",
        stream=Stream.AGENT,
        time_us=5,
        level=Level.INFO,
        message="step done",
        event_type="STEP_COMPLETE",
        fields={"step": "MAIN", "big": 2**70},
    )

    store.events.append(task.id, [EventRow(1, note)], lines_read=0)

    (stored,) = store.events.after(task.id)
    assert (stored.stream, stored.message, stored.fields) == (
        Stream.AGENT,
        "step done",
        {"step": "MAIN", "big": 2**70},
    )


def test_rows_and_reading_position_are_committed_together(store: Store, store_url: str, task: Task) -> None:
    store.events.append(task.id, lines(["a", "b"]), lines_read=2)
    with open_store(store_url) as elsewhere:
        seen = elsewhere.tasks.get(task.id)
        assert (seen.lines_read, seen.events_count, elsewhere.events.last_seq(task.id)) == (2, 2, 2)

    many = lines([LOSS % (1, 1)] * 300, first_seq=2)
    with pytest.raises(Conflict, match=f"Task {task.id} already has an event between 2 and 301"):
        store.events.append(task.id, many, lines_read=301)
    with pytest.raises(Conflict, match=f"Task {task.id} already has an event between 2 and 4"):
        store.events.append(task.id, lines(["b", LOSS % (1, 1), BAR % ("x", 1, 2)], first_seq=2), lines_read=4)

    after = store.tasks.get(task.id)
    assert (after.lines_read, after.events_count, store.events.last_seq(task.id)) == (2, 2, 2)
    assert store.metrics.series(task.id) == []
    assert store.progress.list(task.id) == []

    store.events.append(task.id, lines([LOSS % (1, 1)], first_seq=3), lines_read=3)
    assert [series.count for series in store.metrics.series(task.id)] == [1]


def test_no_rows_still_move_the_reading_position(store: Store, task: Task) -> None:
    store.events.append(task.id, [], lines_read=7)

    assert store.tasks.get(task.id).lines_read == 7
    assert store.events.last_seq(task.id) == 0


def test_events_of_an_unknown_task_are_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="There is no task 7"):
        store.events.append(7, lines(["a"]), lines_read=1)


def test_events_are_read_after_a_cursor_in_either_order(store: Store, task: Task) -> None:
    store.events.append(task.id, lines(list("abcdef")), lines_read=6)

    def raw(**question: Any) -> str:
        return "".join(event.raw for event in store.events.after(task.id, **question))

    assert raw() == "abcdef"
    assert raw(seq=4) == "ef"
    assert raw(limit=2) == "ab"
    assert raw(limit=2, newest_first=True) == "fe"
    assert raw(seq=6) == ""


def test_events_are_filtered_by_level_type_and_text(store: Store, task: Task) -> None:
    texts = [
        "starting",
        LOSS % (1, 0.5),
        '{"message": "careful", "level": "warn"}',
        '{"message": "bad 100%_of it", "level": "error"}',
        '{"message": "caf\\u00e9", "level": "error", "event_type": "EventType.ODD"}',
        LOSS % (2, 0.4),
    ]
    store.events.append(task.id, lines(texts), lines_read=6)

    def found(**question: Any) -> list[int]:
        return [event.seq for event in store.events.after(task.id, **question)]

    assert found(min_level=Level.INFO) == [1, 2, 3, 4, 5, 6]
    assert found(min_level=Level.WARN) == [3, 4, 5]
    assert found(min_level=Level.ERROR, newest_first=True, limit=1) == [5]
    assert found(event_type="METRICS") == [2, 6]
    assert found(event_type="ODD") == [5]
    assert found(event_type="CHECKPOINT") == []
    assert found(text="CAREFUL") == [3]
    assert found(text="100%_") == [4]
    assert found(text="café") == [5]
    assert found(text="loss", seq=2) == [6]
    assert found(min_level=Level.ERROR, event_type="ODD", text="caf") == [5]


def test_a_search_for_text_that_no_database_accepts_finds_nothing(store: Store, task: Task) -> None:
    store.events.append(task.id, lines(["a"]), lines_read=1)

    assert store.events.after(task.id, text="\0\ud800") == []
    assert store.events.after(task.id, event_type="\0\ud800") == []
    with pytest.raises(BadInput, match="longer than 1,000 characters"):
        store.events.after(task.id, text="x" * 1001)


def test_rare_events_are_found_without_a_look_into_other_blocks(
    store: Store, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [LOSS % (epoch, 1) for epoch in range(5000)]
    texts[3000] = '{"message": "careful", "level": "warn"}'
    texts[4000] = '{"message": "checkpoint", "event_type": "EventType.CHECKPOINT"}'
    store.events.append(task.id, lines(texts), lines_read=len(texts))
    looked: list[int] = []
    real = line_blocks.columns_of

    def look(plain: bytes) -> line_blocks.LineColumns:
        looked.append(len(plain))
        return real(plain)

    monkeypatch.setattr(line_filter, "columns_of", look)

    def found(**question: Any) -> tuple[list[int], int]:
        looked.clear()
        return [event.seq for event in store.events.after(task.id, **question)], len(looked)

    assert found(min_level=Level.WARN) == ([3001], 1)
    assert found(event_type="CHECKPOINT") == ([4001], 1)
    assert found(text="careful") == ([3001], 1)
    assert found(seq=4500, limit=1) == ([4501], 1)
    assert found(newest_first=True, limit=1) == ([5000], 1)
    plain, _ = store.events.page(task.id, limit=10, without_metrics=True)
    assert [event.seq for event in plain] == [3001, 4001]
    assert store.events.count(task.id, Lines()) == 5000
    assert store.events.count(task.id, Lines(without_metrics=True)) == 2
    assert store.events.count(task.id, Lines(after_seq=1000, before_seq=4001, without_metrics=True)) == 1
    assert store.events.count(task.id, Lines(after_seq=1, before_seq=5000)) == 4998
    assert store.events.count(task.id, Lines(text="loss")) == 4998


def test_text_that_cannot_be_stored_is_replaced_visibly(store: Store, task: Task) -> None:
    bad = Event("a\0b\ud800c", Stream.STDOUT, 1, Level.INFO, "m", event_type="ODD\udc00")

    store.events.append(task.id, [EventRow(1, bad)], lines_read=1)

    (stored,) = store.events.after(task.id)
    assert stored.raw == "a␀b\ufffdc"
    assert stored.event_type == "ODD\ufffd"


def test_progress_bars_keep_their_last_state_in_order_of_appearance(store: Store, task: Task) -> None:
    store.events.append(
        task.id,
        lines([BAR % ("train: ", 0, 10), BAR % ("eval", 0, 2), BAR % ("train: ", 4, 10)]),
        lines_read=3,
    )
    huge = Event("", Stream.AGENT, 1_700_000_000_000_005, Level.INFO, "", "PROGRESS", Progress("last", 2**63, 10**30))
    store.events.append(task.id, [*lines([BAR % ("train: ", 5, 10)], 4), EventRow(5, huge)], lines_read=4)

    at = datetime.fromtimestamp(1_700_000_000, UTC)
    assert store.progress.list(task.id) == [
        ProgressBar("train: ", 5, 10, None, None, at.replace(microsecond=4), 4),
        ProgressBar("eval", 0, 2, None, None, at.replace(microsecond=2), 2),
        ProgressBar("last", 2**63 - 1, 2**63 - 1, None, None, at.replace(microsecond=5), 5),
    ]
    (summary,) = store.tasks.summaries()
    assert (summary.progress_subtask, summary.progress_current) == ("last", 2**63 - 1)


def test_threads_may_append_to_different_tasks_at_once(store: Store, new_task: Callable[..., NewTask]) -> None:
    new = new_task(store)
    tasks = [store.tasks.add(new).id for _ in range(3)]

    def write(task_id: int) -> None:
        for batch in range(5):
            store.events.append(task_id, lines([LOSS % (1, 1)] * 20, batch * 20 + 1), lines_read=batch * 20 + 20)

    threads = [threading.Thread(target=write, args=(task_id,)) for task_id in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for task_id in tasks:
        assert store.tasks.get(task_id).events_count == 100
        (series,) = store.metrics.series(task_id)
        assert store.metrics.points(series.id).seq == list(range(1, 101))


@fuzz(20)
@given(st.lists(hostile_texts(), min_size=8, max_size=12), st.lists(st.integers(1, 5), max_size=12))
def test_lines_are_the_same_however_they_came(
    store: Store, new_task: Callable[..., NewTask], texts: list[str], sizes: list[int]
) -> None:
    """One by one, in batches, all at once; and joined."""
    new = new_task(store)
    rows = [*lines(texts), *(EventRow(50 + at, note(text)) for at, text in enumerate(texts))]

    def kept(*, cuts: list[int], seal: bool = False) -> list[StoredEvent]:
        task_id = store.tasks.add(new).id
        for start, stop in pairwise([0, *cuts, len(rows)]):
            store.events.append(task_id, rows[start:stop], lines_read=stop)
        if seal:
            store.tasks.request_stop(task_id)
        return [structs.replace(event, task_id=0) for event in store.events.after(task_id)][: len(rows)]

    cuts = [cut for cut in accumulate(sizes) if cut < len(rows)]
    whole = kept(cuts=[])
    assert len(whole) == len(rows)
    assert kept(cuts=list(range(1, len(rows)))) == kept(cuts=cuts) == kept(cuts=cuts, seal=True) == whole


@fuzz(60)
@given(st.lists(st.text(st.characters(codec=None)), max_size=4))
def test_no_text_makes_append_raise(store: Store, new_task: Callable[..., NewTask], texts: list[str]) -> None:
    task = store.tasks.add(new_task(store))

    store.events.append(task.id, lines(texts), lines_read=len(texts))

    assert [event.raw for event in store.events.after(task.id)] == [
        "".join("\ufffd" if "\ud800" <= c <= "\udfff" else "␀" if c == "\0" else c for c in text) for text in texts
    ]


def test_a_server_that_goes_away_while_rows_are_copied_is_named(
    postgres_store: Store, new_task: Callable[..., NewTask]
) -> None:
    database, task = postgres_store._db, postgres_store.tasks.add(new_task(postgres_store))
    columns = ("subtask", "first_seq", "seq", "current", "total", "updated_us")
    insert = BulkInsert(database, progress, columns, same={"task_id": task.id})
    rows = [value for seq in range(1, 101) for value in (f"bar {seq}", seq, seq, 1, 2, 3)]

    def copy(*, goes_away: bool) -> None:
        with database.writing() as connection:
            own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            if goes_away:
                with database.writing() as other:
                    other.exec_driver_sql(f"SELECT pg_terminate_backend({own}, 5000)")
            insert.run(connection, rows)

    with pytest.raises(StorageFailed, match="Check that it runs"):
        copy(goes_away=True)
    assert postgres_store.progress.list(task.id) == []
    copy(goes_away=False)
    assert len(postgres_store.progress.list(task.id)) == 100


@pytest.mark.parametrize(
    ("ask", "answers"),
    [
        (lambda events, task: events.count(task, Lines(after_seq=10)), {10, 530}),
        (lambda events, task: events.count(task, Lines(before_seq=15)), {14}),
        (lambda events, task: events.nth_newest(task, 1), {20, 540}),
        (lambda events, task: events.nth_newest(task, 15), {6, 526}),
    ],
)
def test_a_reader_sees_each_line_once_while_blocks_are_joined(
    store: Store, store_url: str, task: Task, ask: Callable[..., int], answers: set[int]
) -> None:
    """A writer joins the blocks of a log behind the first statement of a reader."""
    asked = 0

    def join(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        nonlocal asked
        asked += "line_blocks" in statement
        if asked == 2:
            asked += 1
            writer.events.append(task.id, lines(["x"] * 520, 21), lines_read=540)

    with open_store(store_url) as writer:
        for first in (1, 11):
            writer.events.append(task.id, lines(["x"] * 10, first), lines_read=first + 9)
        sa.event.listen(store._db.engine, "before_cursor_execute", join)
        assert ask(store.events, task.id) in answers


def test_beyond_the_largest_number_is_no_line(store: Store, task: Task) -> None:
    store.events.append(task.id, lines(["x"]), lines_read=1)
    largest = (1 << 63) - 1
    assert store.events.page(task.id, largest) == ([], False)
    assert store.events.count(task.id, Lines(after_seq=largest)) == 0


def test_a_type_without_a_name_is_a_type(store: Store, task: Task) -> None:
    rows = lines(["a", "b", "c"])
    rows[1] = structs.replace(rows[1], event=structs.replace(rows[1].event, event_type=""))
    store.events.append(task.id, rows, lines_read=3)
    assert [event.seq for event in store.events.after(task.id, event_type="")] == [2]
    assert store.events.count(task.id, Lines(event_type="")) == 1


def test_a_line_of_any_length_is_read_again(sqlite_store: Store, new_task: Callable[..., NewTask]) -> None:
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    sqlite_store.events.append(task.id, lines(["x" * (65 << 20), "y"]), lines_read=2)
    assert [len(event.raw) for event in sqlite_store.events.each(task.id)] == [65 << 20, 1]


@pytest.mark.parametrize("wrong", [{"stream": 9}, {"level": 13}, {"time_us": 1 << 62}, {"message": "", "fields": "{"}])
def test_a_damaged_line_is_said_to_be_one(store: Store, task: Task, wrong: dict[str, Any]) -> None:
    store.events.append(task.id, lines(["x"]), lines_read=1)
    columns = LineColumns()
    columns.add(KeptLine(1, 1, 1, 20, None, "x")._replace(**wrong))
    with store._db.writing() as connection:
        connection.execute(sa.update(line_blocks_table).values(data=pack(columns)))
    for read in (store.events.after, store.events.page, lambda task: list(store.events.each(task))):
        with pytest.raises(StorageFailed, match="damaged"):
            read(task.id)


def test_the_end_of_a_log_is_found_in_the_index_of_open_blocks(
    sqlite_store: Store, new_task: Callable[..., NewTask]
) -> None:
    """SQLite takes an index with a condition for the same words only."""
    task = sqlite_store.tasks.add(new_task(sqlite_store))
    said: list[tuple[str, Any]] = []

    def note_it(connection: Any, cursor: Any, statement: str, parameters: Any, *more: Any) -> None:
        said.append((statement, parameters))

    sa.event.listen(sqlite_store._db.engine, "before_cursor_execute", note_it)
    sqlite_store.events.append(task.id, lines([LOSS % (1, 1)] * 20), lines_read=20)
    sqlite_store.events.append(task.id, lines(["x"] * 600, 21), lines_read=620)
    sqlite_store.tasks.request_stop(task.id)
    sqlite_store.metrics.pack(task.id)
    sqlite_store.metrics.pack_ended(portions=1)
    sa.event.remove(sqlite_store._db.engine, "before_cursor_execute", note_it)
    asked = [one for one in said if re.search(r"(line|point)_blocks\.is_open($| AND| ORDER|\s)", one[0])]
    asked = [one for one in asked if "WHERE" in one[0] and "is_open" in one[0].partition("WHERE")[2]]
    assert len(asked) >= 6
    with sqlite_store._db.reading() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert any("_blocks_open" in step[3] for step in plan), statement


def test_a_damaged_block_keeps_no_task_from_going_on_or_ending(store: Store, task: Task) -> None:
    for seq in (1, 2):
        store.events.append(task.id, lines(["x"] * 5, seq * 10), lines_read=seq)
        with store._db.writing() as connection:
            is_last = line_blocks_table.c.first_seq == seq * 10
            connection.execute(sa.update(line_blocks_table).where(is_last).values(data=b"damage"))
    store.events.append(task.id, lines(["y"] * 600, 30), lines_read=602)
    assert store.tasks.request_stop(task.id).status is TaskStatus.STOPPED
    assert [event.raw for event in store.events.after(task.id, 29, limit=600)] == ["y"] * 600
    with pytest.raises(StorageFailed, match="damaged"):
        store.events.after(task.id)
