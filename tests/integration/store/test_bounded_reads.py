"""Reads that are bounded by bytes or by number, and that give the same as the whole."""

from __future__ import annotations

import json

import pytest

from agent.domain import NewImage, NewModel, NewProject, Task
from agent.events.model import Event, Level, Stream
from agent.events.parse import parse_line
from agent.store import EventRow, Store
from agent.store import events as events_module

_LONG = 300_000
_METRICS = '{"message": "m", "event_type": "EventType.METRICS", "type": "train", "epoch": EPOCH, "metrics": VALUES}'


def append(store: Store, task: Task, *texts: str) -> None:
    first = store.events.last_seq(task.id) + 1
    rows = [EventRow(first + i, parse_line(text, Stream.STDOUT, 1000 + i)) for i, text in enumerate(texts)]
    store.events.append(task.id, rows, lines_read=first + len(texts))


def test_a_page_ends_with_its_bytes_but_has_a_line_at_least(store: Store, task: Task) -> None:
    append(store, task, *(str(number) * 1000 for number in range(10)))

    rows, has_more = store.events.page(task.id, max_bytes=3500)
    assert ([row.seq for row in rows], has_more) == ([1, 2, 3], True)
    rows, has_more = store.events.page(task.id, max_bytes=1)
    assert ([row.seq for row in rows], has_more) == ([1], True)
    rows, has_more = store.events.page(task.id, 7, max_bytes=3500)
    assert ([row.seq for row in rows], has_more) == ([8, 9, 10], False)
    rows, has_more = store.events.page(task.id, limit=4)
    assert ([row.seq for row in rows], has_more) == ([1, 2, 3, 4], True)
    rows, has_more = store.events.page(task.id, limit=4, newest_first=True)
    assert ([row.seq for row in rows], has_more) == ([10, 9, 8, 7], True)
    rows, has_more = store.events.page(task.id, limit=10)
    assert (len(rows), has_more) == (10, False)


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_a_long_line_is_shown_by_its_beginning_and_read_whole(store: Store, task: Task, character: str) -> None:
    text = json.dumps({"message": character * _LONG, "level": "warn", "key": 1}, ensure_ascii=False)
    append(store, task, "short", text)

    (short, shown), _ = store.events.page(task.id)
    (_, whole), _ = store.events.page(task.id, whole=True)
    assert (short.message, short.parse_error) == ("short", None)
    assert shown.message == text[: 16 << 10]
    assert shown.level is Level.WARN
    assert "of 300," in str(shown.parse_error)
    assert (shown.fields, shown.body) == (None, None)
    assert (whole.raw, whole.message, whole.fields) == (text, character * _LONG, {"key": 1})
    assert [event.raw for event in store.events.each(task.id)] == ["short", text]


def test_a_long_event_that_people_ask_for_by_name_keeps_its_body(store: Store, task: Task) -> None:
    text = json.dumps({"message": "x", "event_type": "EventType.TASK_CRASHED", "stack": ["line"] * 10_000})
    append(store, task, text)

    ((crash,), _) = store.events.page(task.id, event_type="TASK_CRASHED")
    assert crash.raw == text
    assert crash.parse_error is None


def test_each_event_comes_once_in_order_however_small_the_reads(store: Store, task: Task, monkeypatch) -> None:
    monkeypatch.setattr(events_module, "READ_BYTES", 50)
    texts = [f"line {number} " + "x" * (number % 60) for number in range(300)]
    append(store, task, *texts)

    assert [event.raw for event in store.events.each(task.id)] == texts
    assert [event.seq for event in store.events.each(task.id, 250)] == list(range(251, 301))
    assert [event.raw for event in store.events.each(task.id, text="line 29")] == [t for t in texts if "line 29" in t]


def test_the_nth_newest_event_is_counted_from_the_end(store: Store, task: Task) -> None:
    append(store, task, "a", "b", "c")

    assert [store.events.nth_newest(task.id, n) for n in (1, 2, 3, 4)] == [3, 2, 1, 0]


def test_points_of_a_span_are_the_points_of_each_series_in_it(store: Store, task: Task) -> None:
    line = _METRICS.replace("EPOCH", "%d").replace("VALUES", '{"%s": %s}')
    for first in range(0, 600, 100):
        append(store, task, *(line % (i, f"m{i % 7}", "NaN" if i % 11 == 0 else i) for i in range(first, first + 100)))

    for after, last in ((0, 600), (0, 1), (250, 251), (99, 450), (600, 700)):
        found = store.metrics.points_between(task.id, after, last)
        for series in store.metrics.series(task.id):
            whole = store.metrics.points(series.id)
            wanted = [i for i, seq in enumerate(whole.seq) if after < seq <= last]
            got = found.get(series.id)
            assert ([] if got is None else got.seq) == [whole.seq[i] for i in wanted]
            assert ([] if got is None else got.value) == [whole.value[i] for i in wanted]


def test_series_and_bars_that_changed_behind_an_event(store: Store, task: Task) -> None:
    bar = '{"message": "progress", "event_type": "EventType.PROGRESS", "subtask": "%s", "current": 1, "total": 2}'
    metric = _METRICS.replace("EPOCH", "1").replace("VALUES", '{"%s": 1}')
    append(store, task, bar % "a", bar % "b", metric % "m", metric % "n", bar % "a", metric % "m")

    assert [found.subtask for found in store.progress.newest(task.id, 1)] == ["a"]
    assert [found.subtask for found in store.progress.newest(task.id, 5)] == ["a", "b"]
    assert [found.subtask for found in store.progress.newest(task.id, 5, after_seq=2)] == ["a"]
    assert store.progress.count(task.id) == 2
    assert [found.name for found in store.metrics.series(task.id, after_seq=4)] == ["m"]
    assert [found.name for found in store.metrics.series(task.id, limit=1)] == ["m"]


def test_models_are_found_by_many_ids(store: Store) -> None:
    made = [store.models.add(NewModel(f"m{i}", f"{i:064d}", 1, {})) for i in range(3)]

    found = store.models.by_id([*(model.id for model in made), *range(1000, 3000)])
    assert found == {model.id: model for model in made}
    assert store.models.by_id([]) == {}


def test_images_are_found_among_more_values_than_a_statement_takes(store: Store) -> None:
    images = [NewImage(f"é{i}.png", f"{i:064d}", 1, 8, 8, "image/png", "{}") for i in range(5)]
    project = store.projects.add(NewProject("many", "", {}, "f" * 64, [("ds", images)]))
    (dataset,) = store.datasets.list(project.id)
    ids = [image.id for image in store.images.of_dataset(dataset.id)]

    total, found = store.images.page(dataset.id, ids=[*ids[:3], *range(10_000, 300_000)])
    assert (total, [image.id for image in found]) == (3, ids[:3])
    total, found = store.images.page(dataset.id, names=["é1.png", "é4.png", *(f"no{i}" for i in range(100_000))])
    assert (total, [image.name for image in found]) == (2, ["é1.png", "é4.png"])
    assert store.images.page(dataset.id, ids=[])[0] == 0
    assert store.images.page(dataset.id, ids=ids, names=["é1.png"])[0] == 1


def test_a_note_of_the_agent_is_shown_as_it_is(store: Store, task: Task) -> None:
    note = Event("", Stream.AGENT, 1, Level.INFO, "started", "STEP", fields={"step": "MAIN"})
    store.events.append(task.id, [EventRow(1, note)], lines_read=0)

    ((shown,), _) = store.events.page(task.id)
    assert (shown.message, shown.fields, shown.parse_error) == ("started", {"step": "MAIN"}, None)
