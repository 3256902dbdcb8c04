"""The table of runs in both databases: what SQL answers is what a few lines of Python say."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from agent.domain import NewModel, NewTask, Provenance, Task, TaskStatus
from agent.errors import BadInput
from agent.events.model import CheckpointReported, Event, Level, Metrics, Stream
from agent.store import EventRow, Store, UsageSample
from agent.store.columns import from_json, to_json, to_us
from agent.store.runs.cells import Reference
from agent.store.runs.conditions import condition
from agent.store.runs.expression import Expression, written
from agent.store.runs.keys import SortKey
from agent.store.runs.operands import Operands
from agent.store.runs.parsing import parse_expression, parse_keys, parse_sort
from agent.store.runs.question import RunQuestion, RunWindow
from agent.store.runs.request import MOST_SORTED, RunRequest
from agent.store.schema import tasks
from tests.support import naive_runs
from tests.support.fuzzing import fuzz
from tests.support.generated_runs import METRICS, configs, expressions, sorts
from tests.support.naive_runs import holds, in_order

Add = Callable[..., int]
NOW = 1_700_000_000_000_000
ALL = RunQuestion(), RunWindow()


@pytest.fixture
def add(store: Store, new_task: Callable[..., NewTask]) -> Add:
    """`add(config, loss=[…])`: a task with this config and these values of `val` metrics, an epoch each."""

    def add(config: Any, name: str = "net", kind: str = "val", **metrics: Sequence[float]) -> int:
        task = store.tasks.add(new_task(store, config=config, name=name))
        write(store, task.id, {(kind, metric): values for metric, values in metrics.items()})
        return task.id

    return add


def write(store: Store, task_id: int, metrics: dict[tuple[str, str], Sequence[float]]) -> None:
    seq = 0
    for (kind, name), values in metrics.items():
        bodies = [Metrics(kind, float(epoch), {name: value}) for epoch, value in enumerate(values, 1)]
        rows = [
            EventRow(seq + i, Event("x", Stream.STDERR, 1000 + i, Level.INFO, "m", "METRICS", body))
            for i, body in enumerate(bodies, 1)
        ]
        if rows:
            store.events.append(task_id, rows, lines_read=seq + len(rows))
        seq += len(rows)


def ids(store: Store, where: str | None = None, sort: str = "id", **question: Any) -> list[int]:
    asked = RunQuestion(where=parse_expression(where) if where else None, **question)
    found = store.runs.table([], asked, RunWindow(None, sort=parse_sort([sort])))
    assert found.total == len(found.runs)
    return [run.id for run in found.runs]


def cells(store: Store, columns: str, where: str | None = None, **window: Any) -> list[list[Any]]:
    asked = RunQuestion(where=parse_expression(where) if where else None)
    table = store.runs.table(parse_keys([columns]), asked, RunWindow(**{"sort": parse_sort(["id"]), **window}))
    return [list(run.cells) for run in table.runs]


def test_runs_are_filtered_sorted_and_shown_by_config_and_metrics(store: Store, add: Add) -> None:
    one = add({"lr": 0.1, "batch_size": {"train": 8}, "opt": "adam"}, "First net", mean_iou=[0.5, 0.9, 0.7])
    two = add({"lr": 0.001, "batch_size": {"train": 16}, "sizes": [3, "x"]}, "second", mean_iou=[0.85])
    three = add({"lr": "auto", "opt": None}, "third NET")
    store.tasks.request_stop(three)

    assert ids(store, "metrics.val.mean_iou@max > 0.8 and config.lr < 0.01") == [two]
    assert ids(store, "metrics.val.mean_iou@max > 0.8") == [one, two]
    assert ids(store, "metrics.val.mean_iou > 0.8 or status == 'stopped'") == [two, three]
    assert ids(store, "config.lr == 'auto'") == ids(store, "config.opt is None and config.sizes is None") == [three]
    assert ids(store, "config.opt is None") == [two, three], "null and absent alike"
    assert ids(store, "not config.lr < 0.01") == [one, three], "a comparison of unlike kinds is false"
    assert ids(store, "config.lr != 0.1") == [two]
    assert ids(store, "'NET' in name") == [one, three]
    assert ids(store, "config.sizes[1] == 'x'") == [two]
    assert ids(store, "4 < config.batch_size.train < 16") == [one]
    assert ids(store, "metrics.val.mean_iou@min < metrics.val.mean_iou@max") == [one]
    assert ids(store, "project == 'fruit' and model == 'start' and plugin != 'other'") == [one, two, three]
    assert ids(store, "created > '2020-01-01' and not finished > '2020-01-01'") == [one, two]
    assert ids(store, statuses=[TaskStatus.STOPPED]) == [three]
    assert ids(store, words="net first") == [one]
    assert ids(store, sort="-config.lr") == [one, two, three], "numbers before texts whichever way"
    assert ids(store, sort="config.lr") == [two, one, three]
    assert ids(store, sort="-metrics.val.mean_iou@max") == [one, two, three], "nothing last"
    assert ids(store, sort="metrics.val.mean_iou@max") == [two, one, three]
    assert cells(store, 'name,config.lr,config.sizes,metrics.val.mean_iou,metrics.val.mean_iou@min,config["opt"]') == [
        ["First net", 0.1, None, 0.7, 0.5, "adam"],
        ["second", 0.001, [3, "x"], 0.85, 0.85, None],
        ["third NET", "auto", None, None, None, None],
    ]
    table = store.runs.table(
        parse_keys(["config.lr, config.sizes[0], project, metrics.val.mean_iou@max, created"]),
        RunQuestion(statuses=[TaskStatus.QUEUED]),
        RunWindow(1),
    )
    assert [(column.title, column.kind) for column in table.columns] == [
        ("lr", "number"),
        ("sizes[0]", "number"),
        ("project", "reference"),
        ("val mean_iou max", "number"),
        ("created", "time"),
    ]
    assert (table.total, table.counts) == (2, {"queued": 2, "stopped": 1})
    (run,) = table.runs
    assert (run.id, run.cells[2]) == (two, Reference(1, "fruit"))


def test_a_task_that_has_run_shows_who_ran_it_how_long_and_what_it_made(store: Store, add: Add) -> None:
    id_ = add({"lr": 1})
    store.tasks.claim("host:a:4711:0a1b", task_id=id_)
    store.tasks.become(id_, TaskStatus.STARTED)
    for index, best in enumerate((True, True, False)):
        kept = store.checkpoints.add(id_, 100 + index, CheckpointReported(index, f"{index}", 10, best, {}))
        origin = Provenance(task_id=id_, checkpoint_index=index, is_best=best)
        store.checkpoints.publish(kept.id, NewModel(f"net {index}", "2" * 64, 10, {}, provenance=origin))
    started = store.tasks.get(id_).started_at
    assert started is not None
    running = RunQuestion(where=parse_expression("90 < duration < '2m'"), now_us=to_us(started) + 100 * 10**6)
    keys = parse_keys(["agent, duration, checkpoints, best_checkpoint, lines, started, finished, reason"])
    (run,) = store.runs.table(keys, running, RunWindow()).runs
    assert list(run.cells[:3]) == ["host:a", 100.0, 3]
    assert run.cells[3].name == "net 1"
    assert list(run.cells[4:]) == [0, started, None, None]
    assert ids(store, "best_checkpoint == 'net 1' and agent == 'host:a' and best_checkpoint != model") == [id_]
    assert ids(store, "checkpoints in [1, 2]") == []


def test_a_value_at_an_epoch_is_that_of_the_last_point_up_to_there(store: Store, add: Add) -> None:
    add({}, loss=[0.1 * epoch for epoch in range(1, 301)])
    add({}, loss=[1.0, math.nan, 3.0])
    add({})
    store.events.append(3, [
        EventRow(i, Event("x", Stream.STDERR, i, Level.INFO, "m", "METRICS", Metrics("val", epoch, {"loss": value})))
        for i, (epoch, value) in enumerate([(0.5, 5.0), (1.5, 6.0), (None, 7.0)], 1)
    ], lines_read=3)  # fmt: skip
    shown = cells(store, "metrics.val.loss@1, metrics.val.loss@2, metrics.val.loss@250, metrics.val.loss@-1")
    assert shown == [
        [0.1, pytest.approx(0.2), pytest.approx(25.0), None],
        [1.0, None, None, None],
        [5.0, None, None, None],
    ]
    for sort, where in (("metrics.val.loss@2", None), ("id", "metrics.val.loss@2 > 1")):
        with pytest.raises(BadInput, match=r"shown only.*Use metrics.val.loss, metrics.val.loss@max or"):
            ids(store, where, sort)


def test_columns_that_no_task_has_are_refused_with_the_nearest(store: Store, add: Add) -> None:
    add({"lr": 0.1, "batch_size": {"train": 8}}, mean_iou=[0.5])
    for where, sentence in (
        ("config.lrr < 1", "where, character 1: no task has config.lrr; did you mean config.lr?"),
        (
            "id > 0 and config.batch_sise.train == 1",
            "where, character 12: no task has .*did you mean config.batch_size.t",
        ),
        ("metrics.val.mean_iu@max < 1", "did you mean metrics.val.mean_iou@max?"),
        ("config.zzzz == 1", "where, character 1: no task has config.zzzz"),
    ):
        with pytest.raises(BadInput, match=sentence):
            ids(store, where)
    with pytest.raises(BadInput, match=r"sort, character 2: no task has config.lrr"):
        ids(store, sort="-config.lrr")
    with pytest.raises(BadInput, match=r"columns, character 5: no task has metrics.val.x"):
        cells(store, "id, metrics.val.x")


NAMES = ["Net", "net", "É", "", "a'; DROP TABLE tasks; --"]


@fuzz(25)
@given(data=st.data())
def test_sql_answers_as_python_does(data: st.DataObject, sqlite_store: Store, new_task: Any) -> None:
    compare(data, sqlite_store, new_task)


@fuzz(5)
@given(data=st.data())
def test_either_database_answers_as_python_does(data: st.DataObject, store: Store, new_task: Any) -> None:
    compare(data, store, new_task)


def compare(data: st.DataObject, store: Store, new_task: Any) -> None:
    numbers = st.lists(st.floats(width=16) | st.sampled_from([1e300, 5e-324]), max_size=3)
    ids = []
    for _ in range(data.draw(st.integers(1, 4))):
        task = store.tasks.add(new_task(store, config=data.draw(configs), name=data.draw(st.sampled_from(NAMES))))
        write(store, task.id, data.draw(st.dictionaries(st.sampled_from(METRICS), numbers, max_size=3)))
        if data.draw(st.booleans()):
            store.tasks.request_stop(task.id)
        ids.append(task.id)
    rows = known(store, ids)
    for _ in range(4):
        expression = data.draw(expressions)
        sort = data.draw(sorts)
        wanted = [id_ for id_ in in_order(rows, sort) if holds(by_id(rows, id_), expression)]
        assert asked(store, ids, expression, sort) == wanted, (written(expression), sort)


def known(store: Store, ids: Sequence[int]) -> list[naive_runs.Task]:
    found = []
    for task in map(store.tasks.get, ids):
        took = None if task.started_at is None or task.finished_at is None else 1.0
        fields = {
            **{name: getattr(task, name) for name in ("id", "name", "engine", "reason")},
            **{name: str(getattr(task, name)) for name in ("type", "status")},
            "agent": None,
            "plugin": (task.plugin_id, "Net"),
            "project": (task.project_id, "fruit"),
            "model": (task.model_id, "start"),
            "best_checkpoint": None,
            "created": to_us(task.created_at),
            "started": None,
            "finished": None if task.finished_at is None else to_us(task.finished_at),
            "duration": took,
            "lines": task.lines_read,
            "checkpoints": 0,
        }
        metrics = {
            (one.kind, one.name): [math.nan if v is None else v for v in store.metrics.points(one.id).value]
            for one in store.metrics.series(task.id)
        }
        found.append(naive_runs.Task(task.id, fields, from_json(to_json(task.config)), metrics))
    return found


def by_id(rows: Sequence[naive_runs.Task], id_: int) -> naive_runs.Task:
    return next(row for row in rows if row.id == id_)


def asked(store: Store, ids: Sequence[int], expression: Expression, sort: Sequence[SortKey]) -> list[int]:
    """Past the check for columns that no task has: random ones are seldom known."""
    operands = Operands(NOW)
    wanted = condition(expression, operands)
    order = [part for one in sort for part in operands.of(one.key).order(descending=one.descending)]
    found = sa.select(tasks.c.id).select_from(operands.source()).where(wanted, tasks.c.id.in_(ids))
    found = found.order_by(*order, tasks.c.id.desc())
    with store._db.reading() as connection:
        return list(connection.execute(found).scalars())


@given(expression=expressions)
def test_every_condition_is_sql_of_postgresql_with_all_its_values_bound(expression: Expression) -> None:
    operands = Operands(NOW)
    found = sa.select(tasks.c.id).where(condition(expression, operands)).select_from(operands.source())
    compiled = found.compile(dialect=postgresql.dialect())
    text = str(compiled)
    assert "DROP TABLE" not in text
    assert '"' not in text.replace('COLLATE "C"', ""), "no name is taken from the expression"


def test_groups_have_counts_and_sums_of_the_numbers_in_them(store: Store, add: Add) -> None:
    losses = {0.1: [1.0, 2.0, 4.0], 0.01: [3.0]}
    for lr, values in losses.items():
        for value in values:
            add({"lr": lr, "opt": "adam"}, loss=[9.0, value])
    add({"lr": "auto", "opt": ["x"]}, loss=[math.nan])
    add({"opt": True})
    by, keys = parse_keys(["config.lr"]), parse_keys(["metrics.val.loss, config.lr, name"])
    found = store.runs.groups(by, keys, RunQuestion(), RunWindow())

    assert [(group.key, group.count, group.where) for group in found.groups] == [
        ([0.01], 1, "config.lr == 0.01"),
        ([0.1], 3, "config.lr == 0.1"),
        (["auto"], 1, 'config.lr == "auto"'),
        ([None], 1, "config.lr is None"),
    ]
    assert (found.total, found.runs, found.counts) == (4, 6, {"queued": 6})
    one, three, none, _ = (group.summaries[0] for group in found.groups)
    assert (one.count, one.mean, one.std, one.min, one.max) == (1, 3.0, None, 3.0, 3.0)
    assert (three.count, three.min, three.max) == (3, 1.0, 4.0)
    assert three.mean == pytest.approx(7 / 3)
    assert three.std == pytest.approx(statistics.stdev([1, 2, 4]))
    assert (none.count, none.mean, none.std) == (0, None, None)
    assert [group.summaries[1].mean for group in found.groups] == [0.01, pytest.approx(0.1), None, None]
    assert [group.summaries[2].count for group in found.groups] == [0] * 4
    for group in found.groups:
        assert len(ids(store, group.where)) == group.count

    largest = store.runs.groups(by, keys, RunQuestion(), RunWindow(1, sort=parse_sort(["-count"], more=["count"])))
    assert [group.key for group in largest.groups] == [[0.1]]
    assert largest.total == 4
    best = store.runs.groups(by, keys, RunQuestion(), RunWindow(sort=parse_sort(["-metrics.val.loss"])))
    assert [group.key for group in best.groups] == [[0.01], [0.1], ["auto"], [None]]
    two = store.runs.groups(parse_keys(["config.opt, project"]), [], RunQuestion(), RunWindow())
    assert [(group.key[0], group.count) for group in two.groups] == [("adam", 4), (True, 1), (["x"], 1)]
    assert {group.key[1] for group in two.groups} == {Reference(1, "fruit")}


@pytest.mark.parametrize("name", ["created", "started", "finished"])
def test_the_condition_of_a_group_by_a_time_selects_its_runs(store: Store, add: Add, name: str) -> None:
    for _ in range(4):
        add({})
    moments = [NOW, NOW, NOW + 1, None if name != "created" else NOW + 10**6]  # microseconds apart
    with store._db.writing() as connection:
        for id_, moment in enumerate(moments, 1):
            connection.execute(sa.update(tasks).where(tasks.c.id == id_).values({f"{name}_us": moment}))
    groups = store.runs.groups(parse_keys([name]), [], RunQuestion(), RunWindow()).groups
    assert [ids(store, group.where) for group in groups] == [[1, 2], [3], [4]]


@pytest.mark.parametrize(("length", "has_one"), [(300, True), (400, False)])
def test_a_condition_of_a_group_is_short_enough_for_an_address_or_there_is_none(
    store: Store, add: Add, length: int, has_one: bool
) -> None:
    texts = {name: name * length for name in "abc"}  # three of 400 are more than a thousand characters together
    id_ = add({**texts})
    (group,) = store.runs.groups(parse_keys(["config.a, config.b, config.c"]), [], RunQuestion(), RunWindow()).groups
    assert group.key == list(texts.values())
    assert (ids(store, group.where) if group.where else None) == ([id_] if has_one else None)


def test_a_number_of_a_group_is_read_once_for_a_run_and_not_once_for_each_sum(
    sqlite_store: Store, new_task: Callable[..., NewTask]
) -> None:
    for _ in range(3):
        sqlite_store.usage.add(sqlite_store.tasks.add(new_task(sqlite_store)).id, UsageSample(1, 50.0, 300, 1))
    statements: list[str] = []
    with sqlite_store._db.reading() as connection:
        driver = connection.connection.driver_connection
    assert driver is not None
    driver.set_trace_callback(statements.append)  # the only connection so far: the pool hands it out again
    found = sqlite_store.runs.groups(parse_keys(["type"]), parse_keys(["peak_memory"]), RunQuestion(), RunWindow())
    driver.set_trace_callback(None)
    ((memory,),) = [group.summaries for group in found.groups]
    assert (memory.count, memory.mean, memory.std, memory.min, memory.max) == (3, 300, 0, 300, 300)
    (sums,) = [text for text in statements if "sample_deviation" in text]
    plan = str(driver.execute(f"EXPLAIN QUERY PLAN {sums}").fetchall())
    assert plan.count("CORRELATED SCALAR SUBQUERY") == 1


def test_the_largest_order_is_within_what_either_database_takes(store: Store, add: Add) -> None:
    for i in range(3):
        add({f"k{j}": i for j in range(MOST_SORTED)})
    keys = [f"config.k{j}" for j in range(MOST_SORTED)]
    request = RunRequest(sort=[f"-{key}" for key in keys], group=keys[::-1])
    table = store.runs.table(request.keys(), request.question(), RunWindow(sort=parse_sort(request.sort)))
    assert [run.id for run in table.runs] == [3, 2, 1]
    groups = store.runs.groups(request.group_keys(), [], request.question(), request.window())
    assert [group.key[0] for group in groups.groups] == [2, 1, 0]
    with pytest.raises(BadInput, match="sort: 9 are too many; name at most 8"):
        RunRequest(sort=[*keys, "name"]).window()


def test_numbers_of_any_size_have_a_mean_or_none(store: Store, add: Add) -> None:
    for value in (1e300, -1e300, 1e-300, 5e-324, 1.0):
        add({"on": True}, loss=[value])
    (group,) = store.runs.groups(
        parse_keys(["config.on"]), parse_keys(["metrics.val.loss"]), RunQuestion(), RunWindow()
    ).groups
    (loss,) = group.summaries
    assert (loss.count, loss.min, loss.max) == (5, -1e300, 1e300)
    assert loss.mean == pytest.approx(1 / 3)
    assert loss.std == pytest.approx(statistics.stdev([0, 0, 1]))


def test_the_columns_that_there_are(store: Store, add: Add) -> None:
    add({"lr": 0.1, "a b": {"x": None}, "sizes": [1]}, loss=[1.0])
    add({"lr": "auto"}, kind="train", loss=[1.0])
    last = add({"lr": 0.5}, "last", loss=[1.0])
    found = store.runs.inventory(RunQuestion())
    assert [(one.key, one.tasks, dict(one.kinds)) for one in found.config] == [
        ("config.lr", 3, {"number": 2, "text": 1}),
        ("config.sizes", 1, {"list": 1}),
        ("config.sizes[0]", 1, {"number": 1}),
        ('config["a b"]', 1, {"object": 1}),
        ('config["a b"].x', 1, {"nothing": 1}),
    ]
    assert [one.key for one in found.config if one.differs] == ["config.lr"]
    assert [(one.key, one.tasks) for one in found.metrics] == [("metrics.val.loss", 2), ("metrics.train.loss", 1)]
    assert (found.config_count, found.metrics_count) == (5, 2)
    assert [field.key for field in found.fields][:3] == ["id", "name", "type"]
    some = store.runs.inventory(RunQuestion(where=parse_expression(f"id == {last}")))
    assert [one.key for one in some.config] == ["config.lr"]


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (0.1, 0.1, False),
        (1, 2, True),
        ("a", "b", True),
        (True, False, True),
        (1, True, True),
        (1, "1", True),
        (None, 0, True),
        ([1], [1], False),
        ([1], [2], True),
        ("a", "a", False),
        (None, None, False),
    ],
)
def test_a_column_says_whether_its_values_differ(store: Store, add: Add, one: Any, other: Any, differs: bool) -> None:
    add({"x": one})
    add({"x": other})
    add({"y": 1})
    assert store.runs.inventory(RunQuestion()).config[0].differs is differs


def test_an_export_has_every_row_once_in_order(store: Store, add: Add) -> None:
    for i in range(7):
        add({"i": i % 3}, f"run {i}")
    window = RunWindow(None, sort=parse_sort(["-config.i, name"]))
    rows = list(store.runs.export(parse_keys(["config.i, name"]), RunQuestion(), window))
    assert [tuple(run.cells) for run in rows] == sorted(
        ((i % 3, f"run {i}") for i in range(7)), key=lambda row: (-row[0], row[1])
    )


def test_the_archive_has_a_table_of_its_own_and_the_trash_has_none(
    store: Store, new_task: Callable[..., NewTask]
) -> None:
    store.tasks.add(new_task(store, name="kept"))
    archived, deleted = (store.tasks.add(new_task(store, name=name)).id for name in ("archived", "deleted"))
    for task in (archived, deleted):
        store.tasks.request_stop(task)
    store.tasks.archive(archived)
    store.tasks.remove(deleted)

    def names(*, archived: bool) -> list[object]:
        request = RunRequest(columns=["name"], archived=archived)
        return [row.cells[0] for row in store.runs.table(request.keys(), request.question(), request.window()).runs]

    assert (names(archived=False), names(archived=True)) == (["kept"], ["archived"])


def test_what_people_said_of_a_task_and_what_it_used_are_columns(store: Store, task: Task) -> None:
    store.tasks.edit(task.id, tag=("b", "a"), notes="# good")
    for time_us, memory in ((1, 300), (2, 100)):
        store.usage.add(task.id, UsageSample(time_us, 50.0, memory, 1))
    request = RunRequest(
        columns=["tags,notes,peak_memory,peak_cpu,peak_gpu"], where='"a" in tags and peak_memory > 200'
    )
    (row,) = store.runs.table(request.keys(), request.question(), request.window()).runs

    assert list(row.cells) == ["a, b", "# good", 300, 50.0, None]
    groups = store.runs.groups(parse_keys(["peak_memory"]), parse_keys(["duration, peak_memory, peak_cpu"]), *ALL)
    assert [column.kind for column in (*groups.by, *groups.columns)] == ["size", "duration", "size", "number"]


def test_a_condition_is_decided_for_one_task_and_what_it_does_not_have_is_none(store: Store, add: Add) -> None:
    one, two = add({"lr": 0.1}, mean_iou=[0.5, 0.9]), add({}, mean_iou=[0.95, 0.3])

    def hold(where: str) -> list[bool]:
        return [store.runs.holds(task_id, parse_expression(where)) for task_id in (one, two, 99)]

    assert hold("metrics.val.mean_iou > 0.8") == [True, False, False]
    assert hold("metrics.val.mean_iou@max > 0.8 and config.lr is None") == [False, True, False]
    assert hold("metrics.val.nothing > 0.8") == [False, False, False]
