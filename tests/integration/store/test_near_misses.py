"""What a log's lines nearly were is counted with them, in the same transaction."""

from __future__ import annotations

import pytest

from agent.domain import Task
from agent.errors import Conflict
from agent.events.model import Level, Stream
from agent.events.parse import parse_line
from agent.store import EventRow, NearMissCount, Store

QUOTES = "{'event_type': 'EventType.METRICS', 'epoch': 1}"
NO_TOTAL = '{"message": "progress", "event_type": "EventType.PROGRESS", "subtask": "s", "current": 1, "level": "info"}'


def append(store: Store, task: Task, first: int, *texts: str) -> None:
    rows = [EventRow(seq, parse_line(text, Stream.STDOUT, 1)) for seq, text in enumerate(texts, first)]
    store.events.append(task.id, rows, lines_read=first + len(texts) - 1)


def test_each_kind_is_counted_with_its_first_line(store: Store, task: Task) -> None:
    append(store, task, 1, "text", QUOTES, NO_TOTAL, QUOTES)
    append(store, task, 5, QUOTES)
    quotes, total = store.near_misses.list(task.id)
    assert (quotes.kind, quotes.count, quotes.first_seq) == ("single_quotes", 3, 2)
    assert (total.kind, total.count, total.first_seq) == ("progress_total", 1, 3)
    assert quotes.nearly.startswith("a METRICS event, but")
    assert total.change.startswith('Add "total"')


def test_a_batch_that_is_not_kept_counts_nothing(store: Store, task: Task) -> None:
    append(store, task, 1, QUOTES)
    with pytest.raises(Conflict):
        append(store, task, 1, QUOTES, QUOTES)
    assert [one.count for one in store.near_misses.list(task.id)] == [1]


def test_the_line_says_it_and_stays_what_it_is(store: Store, task: Task) -> None:
    append(store, task, 1, QUOTES, NO_TOTAL, "text")
    quotes, total, text = store.events.after(task.id)
    assert (quotes.message, quotes.event_type, quotes.level) == (QUOTES, None, Level.INFO)
    assert quotes.near_miss is not None
    assert total.near_miss is not None
    assert text.near_miss is None
    assert store.progress.list(task.id) == []
    assert store.metrics.series(task.id) == []


def test_a_finding_of_the_whole_run_is_added(store: Store, task: Task) -> None:
    late = NearMissCount("unflushed", 40, 3, "lines", "Flush.")
    store.near_misses.add(task.id, late)
    assert store.near_misses.list(task.id) == [late]


def test_what_was_counted_goes_with_the_task(store: Store, task: Task) -> None:
    append(store, task, 1, QUOTES)
    store.tasks.request_stop(task.id)
    store.tasks.remove(task.id)
    assert store.tasks.purge(task.id)
    assert store.near_misses.list(task.id) == []
