"""Runs compared over REST: one answer for the curves of many runs, bands of groups, differences of configs."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain import NewTask, TaskType
from tests.integration.web.conftest import Site
from tests.support.demo_store import finish, start

CONFIGS: list[dict[str, Any]] = [
    {"lr": 0.1, "optimizer": {"name": "adam"}, "epochs": 3},
    {"lr": 0.1, "optimizer": {"name": "sgd", "momentum": 0.9}, "epochs": 3},
    {"lr": 0.01, "optimizer": {"name": "adam"}, "epochs": 3},
]


@pytest.fixture
def runs(site: Site) -> Site:
    """Three trainings of two, three and four epochs, then one without metrics."""
    library = site.library
    ids = (library.plugin_id, library.project_id, library.model_id)
    for i, config in enumerate(CONFIGS):
        story = start(site.store, site.store.tasks.add(NewTask(TaskType.TRAIN, f"run {i}", *ids, config)))
        for epoch in range(1, i + 3):
            story.metrics("train", epoch, loss=10 * i + epoch)
            story.metrics("val", epoch, mean_iou=i + epoch / 10)
        finish(story)
    site.store.tasks.add(NewTask(TaskType.TRAIN, "quiet", *ids, CONFIGS[0]))
    return site


def ask(site: Site, path: str, status: int = 200, /, **query: Any) -> Any:
    answer = site.client.get(path, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_what_the_runs_are_and_where_their_configs_differ(runs: Site) -> None:
    found = ask(runs, "/api/runs/compared", runs="3,1,77,2,1")
    assert [(run["id"], run["name"], run["status"]) for run in found["runs"]] == [
        (3, "run 2", "finished"),
        (1, "run 0", "finished"),
        (2, "run 1", "finished"),
    ]
    assert found["unknown"] == [77]
    assert found["metrics"] == [
        {"kind": "train", "name": "loss", "runs": 3},
        {"kind": "val", "name": "mean_iou", "runs": 3},
    ]
    assert {one["key"]: (one["values"], one["which"]) for one in found["different"]} == {
        "config.lr": ([0.01, 0.1], [0, 1, 1]),
        "config.optimizer.name": (["adam", "sgd"], [0, 0, 1]),
        "config.optimizer.momentum": ([0.9], [None, None, 0]),
    }
    assert [(one["key"], one["values"]) for one in found["equal"]] == [("config.epochs", [3])]
    assert found["keys_count"] == 4


def test_the_curves_of_one_metric_come_in_one_answer_in_the_order_asked_for(runs: Site) -> None:
    found = ask(runs, "/api/runs/points", runs="3,1,4,77", kind="val", name="mean_iou")
    assert [(curve["run"], curve["series"]["kind"], curve["series"]["y"]) for curve in found["curves"]] == [
        (3, "val", pytest.approx([2.1, 2.2, 2.3, 2.4])),
        (1, "val", pytest.approx([0.1, 0.2])),
    ]
    assert (found["x"], found["unknown"]) == ("epoch", [77])
    assert ask(runs, "/api/runs/points", runs="1,2", name="loss", kind="val")["curves"] == []
    window = ask(runs, "/api/runs/points", runs="3", name="loss", **{"from": 3, "smoothing": 0.5})["curves"][0][
        "series"
    ]
    assert (window["x"], window["in_window"]) == ([2, 3, 4], 2)
    alone = ask(runs, "/api/tasks/3/points", **{"from": 3, "smoothing": 0.5})["series"][0]
    assert window == alone, "the same points as of the task alone"


def test_time_is_counted_from_the_start_of_each_run(runs: Site) -> None:
    for curve in ask(runs, "/api/runs/points", runs="1,2,3", name="loss", x="time")["curves"]:
        assert 0 <= curve["series"]["x"][0] < 60


def test_thinned_curves_may_come_without_their_ranges_and_an_answer_is_bounded(
    runs: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = start(runs.store, runs.store.tasks.add(NewTask(TaskType.TRAIN, "long", 1, 1, 1, {})))
    for step in range(200):
        story.metrics("train", step / 10, loss=step % 7)
    story.flush()
    query = {"runs": str(story.task_id), "name": "loss", "thin": "mean"}
    bare, whole = (
        ask(runs, "/api/runs/points", **query, max_points=50, ranges=ranges)["curves"][0]["series"]
        for ranges in (False, True)
    )
    assert (bare["low"], bare["y"]) == (None, whole["y"])
    assert len(whole["low"]) == len(whole["x"]) <= 50
    monkeypatch.setattr("web_stub.rest.compared._MAX_POINTS", 40)
    assert len(ask(runs, "/api/runs/points", **query, max_points=500)["curves"][0]["series"]["x"]) <= 40


def test_groups_become_means_with_bands_over_the_runs_that_reach_x(runs: Site) -> None:
    found = ask(runs, "/api/runs/bands", runs="1,2,3,4,77", name="loss", group="config.lr")
    assert [(band["key"], band["runs"], band["kind"]) for band in found["bands"]] == [
        ([0.1], [1, 2], "train"),
        ([0.01], [3], "train"),
    ]
    first = found["bands"][0]
    assert first["x"] == [1, 2, 3]
    assert first["count"] == [2, 2, 1]
    assert (first["mean"], first["low"], first["high"]) == ([6, 7, 13], [1, 2, 13], [11, 12, 13])
    assert found["unknown"] == [77]
    deviation = ask(runs, "/api/runs/bands", runs="1,2", name="loss", group="config.lr", spread="deviation")["bands"][0]
    assert deviation["high"][:2] == pytest.approx([6 + 50**0.5, 7 + 50**0.5])


def test_columns_of_chosen_runs(runs: Site) -> None:
    found = ask(runs, "/api/runs/values", runs="3,1", columns="name,config.optimizer.momentum,metrics.val.mean_iou@max")
    assert [(row["id"], row["cells"]) for row in found["rows"]] == [
        (3, ["run 2", None, pytest.approx(2.4)]),
        (1, ["run 0", None, pytest.approx(0.2)]),
    ]


def test_runs_of_the_trash_are_unknown_and_those_of_the_archive_are_not(runs: Site) -> None:
    runs.store.tasks.remove(2)
    runs.store.tasks.archive(3)
    chosen = {"runs": "1,2,3"}
    compared = ask(runs, "/api/runs/compared", **chosen)
    assert ([run["id"] for run in compared["runs"]], compared["unknown"]) == ([1, 3], [2])
    assert [one["runs"] for one in compared["metrics"]] == [2, 2]
    assert "config.optimizer.momentum" not in {one["key"] for one in compared["different"]}
    points = ask(runs, "/api/runs/points", **chosen, name="loss")
    assert ([curve["run"] for curve in points["curves"]], points["unknown"]) == ([1, 3], [2])
    bands = ask(runs, "/api/runs/bands", **chosen, name="loss", group="type")
    assert ([band["runs"] for band in bands["bands"]], bands["unknown"]) == ([[1, 3]], [2])
    values = ask(runs, "/api/runs/values", **chosen, columns="name")
    assert ([row["id"] for row in values["rows"]], values["unknown"]) == ([1, 3], [2])


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("compared", {"runs": "1,x"}, 'runs: "x" is no id of a task; write them with commas: runs=1,5,9'),
        ("compared", {"runs": " ,"}, "runs: name the tasks to compare by their ids, with commas: runs=1,5,9"),
        ("compared", {"runs": "0"}, 'runs: "0" is no id of a task; write them with commas: runs=1,5,9'),
        ("compared", {"runs": "9" * 19}, f'runs: "{"9" * 19}" is no id of a task; write them with commas: runs=1,5,9'),
        (
            "points",
            {"runs": ",".join(map(str, range(1, 1002))), "name": "loss"},
            "runs: 1001 are too many; compare at most 1000 at once",
        ),
        (
            "bands",
            {"runs": "1", "name": "loss", "group": "config.lt"},
            "group, character 1: no task has config.lt; did you mean config.lr?",
        ),
    ],
)
def test_refusals_name_the_place_and_the_remedy(runs: Site, path: str, query: dict[str, str], sentence: str) -> None:
    assert ask(runs, f"/api/runs/{path}", 400, **query)["error"] == sentence
