"""The table of runs over REST: what a page and a notebook ask for, and files that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from agent.domain import NewTask, TaskType
from tests.integration.web.conftest import Site
from tests.support.demo_store import Story, finish, start

CONFIGS: list[dict[str, Any]] = [
    {"lr": 0.1, "batch_size": {"train": 8}},
    {"lr": 0.01, "note": "=HYPERLINK(1)", "many": [1, {"a": None}]},
    {"lr": "auto", "note": '"quoted", é', "big": 10**30},
]


@pytest.fixture
def runs(site: Site) -> Site:
    """Three finished trainings."""
    library = site.library
    for i, config in enumerate(CONFIGS):
        ids = (library.plugin_id, library.project_id, library.model_id)
        story = start(site.store, site.store.tasks.add(NewTask(TaskType.TRAIN, f"@run {i}", *ids, config)))
        score(story, i)
        finish(story)
    return site


def score(story: Story, i: int) -> None:
    for epoch in (1, 2, 3):
        story.metrics("val", epoch, mean_iou=0.5 + 0.1 * i + (0.05 if epoch == 2 else 0.0))
    story.flush()


def ask(site: Site, path: str, **query: Any) -> Any:
    answer = site.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_page_of_the_table_says_columns_rows_and_of_how_many(runs: Site) -> None:
    columns = "name,config.lr,metrics.val.mean_iou@max,metrics.val.mean_iou@3,project,config.many,config.big"
    table = ask(runs, "/api/runs", columns=columns, sort="-metrics.val.mean_iou@max", limit=2)
    assert table["columns"][1:5] == [
        {"key": "config.lr", "title": "lr", "kind": "mixed"},
        {"key": "metrics.val.mean_iou@max", "title": "val mean_iou max", "kind": "number"},
        {"key": "metrics.val.mean_iou@3", "title": "val mean_iou @3", "kind": "number"},
        {"key": "project", "title": "project", "kind": "reference"},
    ]
    project = {"id": runs.library.project_id, "name": "Fruit on the table"}
    assert [row["cells"] for row in table["rows"]] == [
        ["@run 2", "auto", pytest.approx(0.75), pytest.approx(0.7), project, None, 10**30],
        ["@run 1", 0.01, pytest.approx(0.65), pytest.approx(0.6), project, [1, {"a": None}], None],
    ]
    assert (table["total"], table["counts"]["finished"]) == (3, 3)
    rest = ask(runs, "/api/runs", columns=columns, sort="-metrics.val.mean_iou@max", limit=2, offset=2)
    assert [row["cells"][0] for row in rest["rows"]] == ["@run 0"]
    found = ask(runs, "/api/runs", where="config.lr < 1 and metrics.val.mean_iou > 0.55", text="run", status="finished")
    assert [row["id"] for row in found["rows"]] == [2]
    assert [column["key"] for column in found["columns"]][-2:] == ["config.lr", "metrics.val.mean_iou"]
    assert ask(runs, "/api/runs", where="config.lr < 1", status="error")["counts"]["finished"] == 2


def test_groups_and_columns(runs: Site) -> None:
    found = ask(runs, "/api/runs/groups", group="config.note", columns="metrics.val.mean_iou@max", sort="-count")
    assert [(group["key"], group["count"], group["where"]) for group in found["groups"]] == [
        (['"quoted", é'], 1, 'config.note == "\\"quoted\\", é"'),
        (["=HYPERLINK(1)"], 1, 'config.note == "=HYPERLINK(1)"'),
        ([None], 1, "config.note is None"),
    ]
    for group in found["groups"]:
        assert ask(runs, "/api/runs", where=group["where"])["total"] == 1
    (all_,) = ask(runs, "/api/runs/groups", group="type", columns="metrics.val.mean_iou@max")["groups"]
    assert all_["summaries"][0] == {
        "count": 3,
        "mean": pytest.approx(0.65),
        "std": pytest.approx(0.1),
        "min": pytest.approx(0.55),
        "max": pytest.approx(0.75),
    }
    columns = ask(runs, "/api/runs/columns")
    lr = {"key": "config.lr", "title": "lr", "tasks": 3, "kinds": {"number": 2, "text": 1}, "differs": True}
    assert lr in columns["config"]
    assert columns["metrics"] == [{"key": "metrics.val.mean_iou", "kind": "val", "name": "mean_iou", "tasks": 3}]


def test_a_file_has_every_row_and_runs_no_formula(runs: Site) -> None:
    query = {"columns": "name,config.note,config.many,config.big,started", "sort": "id"}
    answer = runs.client.get("/api/runs.csv", params=query)
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head == ["name", "config.note", "config.many", "config.big", "started"]
    assert [row[:4] for row in rows] == [
        ["'@run 0", "", "", ""],
        ["'@run 1", "'=HYPERLINK(1)", '[1,{"a":null}]', ""],
        ["'@run 2", '"quoted", é', "", str(10**30)],
    ]
    assert all(row[4].endswith("Z") for row in rows)
    objects = runs.client.get("/api/runs.json", params=query).json()
    lines = runs.client.get("/api/runs.jsonl", params=query).text.splitlines()
    assert objects == [json.loads(line) for line in lines]
    assert [one["config.many"] for one in objects] == [None, [1, {"a": None}], None]
    assert runs.client.get("/api/runs.json", params={"where": "id > 99"}).json() == []
    groups = runs.client.get("/api/runs.csv", params={"group": "type", "columns": "metrics.val.mean_iou"}).text
    assert groups.splitlines()[0].startswith("type,runs,mean metrics.val.mean_iou,std ")
    assert groups.splitlines()[1].startswith("train,3,0.6")


NINE = "id,name,type,status,plugin,project,model,lines,duration"


def test_refusals_are_sentences_with_the_place(runs: Site) -> None:
    for path, query, sentence in (
        ("/api/runs", {"where": "config.lr = 1"}, 'where, character 11: a single "=" compares nothing: write =='),
        ("/api/runs", {"where": "config.l < 1"}, "where, character 1: no task has config.l; did you mean config.lr?"),
        ("/api/runs", {"sort": "-nmae"}, "sort, character 2: there is no column nmae; did you mean name?"),
        ("/api/runs", {"columns": "count"}, "columns, character 1: there is no column count"),
        ("/api/runs", {"sort": NINE}, "sort: 9 are too many; name at most 8"),
        ("/api/runs/groups", {"group": "type", "sort": NINE}, "sort: 9 are too many; name at most 8"),
        ("/api/runs.csv", {"sort": NINE}, "sort: 9 are too many; name at most 8"),
        ("/api/runs.csv", {"where": "config.lr >"}, "where, character 12: this cannot be read"),
        ("/api/runs/groups", {}, "group: name a column whose equal values make a group"),
        ("/api/runs.xls", {}, "format: input should be 'csv', 'json' or 'jsonl'"),
    ):
        answer = runs.client.get(path, params=query)
        assert answer.status_code == 400, path
        assert answer.json()["error"].startswith(sentence)
