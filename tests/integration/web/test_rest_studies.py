"""Studies over REST: lists, one of them, its end; and what is said without Optuna."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from agent.store import StudyState
from tests.integration.web.conftest import Site
from tests.support.demo_study import study
from tests.support.tasks import project_of
from tests.support.web_server import TOKEN


@pytest.fixture
def person(site: Site) -> TestClient:
    """A client with a session instead of the token."""
    site.stranger.post("/login", data={"token": TOKEN})
    return site.stranger


def test_a_study_has_its_trials_with_values_tasks_and_the_best_of_them(site: Site) -> None:
    study(site.store, site.library)

    found = site.client.get("/api/studies/1").json()

    assert (found["state"], found["is_interrupted"], found["trials_wanted"]) == ("finished", False, 12)
    assert found["counts"] == {"running": 0, "complete": 8, "pruned": 2, "failed": 2}
    complete = [trial for trial in found["trials"] if trial["state"] == "complete"]
    assert found["best"] == max(complete, key=lambda trial: trial["value"])
    assert [trial["task_id"] for trial in found["trials"]] == list(range(1, 13))
    assert all(set(trial["params"]) == {"lr", "weights_init_type"} for trial in found["trials"])
    failed = next(trial for trial in found["trials"] if trial["state"] == "failed")
    assert (failed["value"], failed["task_status"]) == (None, "error")
    assert "no space left" in failed["sentence"]
    assert found["importance"] is None
    assert found["no_importance"] == "Told from 10 complete trials on; 8 are complete."


def delete_all_of(site: Site, study_id: int) -> None:
    """What the study was started with, and its tasks, for good."""
    task = site.store.studies.get(study_id).task
    for id_ in [one.id for one in site.store.studies.tasks(study_id).values()]:
        site.store.tasks.give_up(id_)
    parts = (("models", task.model_id), ("projects", project_of(task)), ("plugins", task.plugin_id))
    for noun, id_ in parts:
        assert site.client.delete(f"/api/{noun}/{id_}?for_good=true").status_code == 204


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_study_outlives_what_it_was_started_with(site: Site, person: TestClient, is_purged: bool) -> None:
    study(site.store, site.library)
    before = site.client.get("/api/studies/1").json()
    delete_all_of(site, 1)
    if is_purged:
        for shelf in (site.store.tasks, site.store.models, site.store.projects, site.store.plugins):
            for id_ in shelf.given_up():
                shelf.purge(id_)

    found = site.client.get("/api/studies/1").json()

    gone = {"task_id": None, "task_status": None, "started_at": None, "finished_at": None, "is_task_deleted": True}
    parts = {noun: {**before[noun], "name": None, "is_deleted": True} for noun in ("plugin", "project", "model")}
    trials = [trial | gone for trial in before["trials"]]
    assert found == {**before, **parts, "trials": trials, "best": before["best"] | gone}
    assert site.client.get("/api/studies").json()["items"][0]["best"] == found["best"]
    assert site.client.post("/api/studies/1/stop").json() == found
    assert person.get("/studies/1").status_code == person.get("/studies").status_code == 200


def test_what_is_in_the_trash_is_named_and_said_to_be_deleted(site: Site) -> None:
    study(site.store, site.library, trials=1)
    site.store.tasks.remove(1)
    site.store.projects.remove(site.library.project_id)
    found = site.client.get("/api/studies/1").json()
    project = site.store.projects.get_anywhere(site.library.project_id)
    assert found["project"] == {"id": project.id, "name": project.name, "is_deleted": True}
    assert (found["trials"][0]["task_id"], found["trials"][0]["is_task_deleted"]) == (1, True)


def test_importance_comes_with_enough_trials(site: Site) -> None:
    study(site.store, site.library, trials=24)

    found = site.client.get("/api/studies/1").json()
    importance = found["importance"]

    assert found["no_importance"] is None
    assert set(importance) == {"lr", "weights_init_type"}
    assert sum(importance.values()) == pytest.approx(1)


def test_what_was_deleted_is_said_and_the_page_is_still_there(site: Site) -> None:
    study(site.store, site.library)
    store = site.store
    tasks = list(store.studies.tasks(1).values())
    for task in tasks:
        store.tasks.remove(task.id)
    store.tasks.purge(tasks[0].id)
    store.plugins.remove(site.library.plugin_id)

    found = site.client.get("/api/studies/1").json()
    assert found["plugin"] == {
        "id": site.library.plugin_id,
        "name": store.plugins.get_anywhere(site.library.plugin_id).title,
        "is_deleted": True,
    }
    assert (found["project"]["is_deleted"], found["model"]["is_deleted"]) == (False, False)
    shown = [(trial["task_id"], trial["is_task_deleted"]) for trial in found["trials"][:2]]
    assert shown == [(None, True), (tasks[1].id, True)]
    site.stranger.post("/login", data={"token": TOKEN})
    assert site.stranger.get("/studies/1").status_code == 200
    assert site.stranger.get("/studies").status_code == 200

    for task in tasks[1:]:
        store.tasks.purge(task.id)
    store.plugins.give_up(site.library.plugin_id)
    found = site.client.get("/api/studies/1").json()
    assert found["plugin"] == {"id": site.library.plugin_id, "name": None, "is_deleted": True}
    assert site.stranger.get("/studies/1").status_code == 200


def test_studies_are_listed_newest_first_and_page_by_page(site: Site) -> None:
    for name in ("one", "two", "three"):
        study(site.store, site.library, trials=1, name=name)

    first = site.client.get("/api/studies?limit=2").json()
    rest = site.client.get(f"/api/studies?limit=2&before={first['next']}").json()

    assert [item["name"] for item in first["items"] + rest["items"]] == ["three", "two", "one"]
    assert rest["next"] is None


def test_a_stop_ends_the_tasks_and_a_second_one_changes_nothing(site: Site) -> None:
    study(site.store, site.library, trials=1)
    site.store.studies.resume(1, trials=5, jobs=1)

    for _ in range(2):
        assert site.client.post("/api/studies/1/stop").json()["state"] == "stopped"
    assert site.store.studies.get(1).state is StudyState.STOPPED


def asked(site: Site, **changes: Any) -> dict[str, Any]:
    return {
        "plugin": site.library.plugin_id,
        "project": site.library.project_id,
        "model": site.library.model_id,
        "space": {"lr": {"low": 1e-5, "high": 0.1, "log": True}, "batch_size.train": "4,8", "epochs": {"choices": [3]}},
        "metric": "val.mean_iou",
        "direction": "maximize",
        "trials": 7,
        "name": "Rates",
        **changes,
    }


def test_a_study_is_begun_as_the_terminal_begins_it(site: Site) -> None:
    answer = site.client.post("/api/studies", json=asked(site, jobs=3, pruner="median", seed=5))

    assert answer.status_code == 201, answer.text
    begun = answer.json()
    assert (begun["id"], begun["name"], begun["state"], begun["trials"]) == (1, "Rates", "running", [])
    assert begun["is_interrupted"], "until an agent takes it"
    assert begun["space"] == {
        "lr": {"low": 1e-5, "high": 0.1, "is_integer": False, "log": True, "step": None},
        "batch_size.train": {"choices": [4, 8]},
    }
    found = site.store.studies.get(1)
    assert (found.metric, found.direction, found.trials, found.jobs) == ("val.mean_iou", "maximize", 7, 3)
    assert (found.sampler, found.pruner, found.seed) == ("tpe", "median", 5)
    assert found.task.config["epochs"] == 3
    assert site.client.get("/api/studies/1").json() == {key: begun[key] for key in begun if key != "notes"}
    assert site.client.post("/api/studies", json=asked(site)).status_code == 409, "the name is taken"


def test_a_key_that_the_plugin_does_not_know_is_noted(site: Site) -> None:
    begun = site.client.post("/api/studies", json=asked(site, space={"epoch": "3..9"})).json()

    assert any("epoch" in note for note in begun["notes"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": {}}, "nothing varies"),
        ({"space": {"lr": {"low": 2, "high": 1}}}, "space 'lr': 2 is not below 1"),
        ({"space": {"lr": "2..1"}}, "space 'lr': 2 is not below 1"),
        ({"space": {"lr": {"choices": []}}}, "space 'lr' has no choices"),
        (
            {"space": {f"k{n}": {"choices": list(range(10))} for n in range(9)}, "sampler": "grid"},
            "10,000 combinations",
        ),
        ({"trials": 10_001}, "not between 1 and 10,000"),
        ({"jobs": 65}, "not between 1 and 64"),
        ({"sampler": "best"}, "'best' is unknown"),
        ({"metric": None}, "metric and direction belong together"),
        ({"metric": "iou"}, "names no metric"),
        ({"plugin": 99}, "99"),
        ({"config": {"lr": 1}, "preset": "x"}, "a config or a preset"),
    ],
)
def test_what_the_terminal_refuses_is_refused(site: Site, changes: dict[str, Any], said: str) -> None:
    answer = site.client.post("/api/studies", json=asked(site, **changes))

    assert answer.status_code in (400, 404, 409, 422)
    assert said in answer.json()["error"]
    assert site.store.studies.list() == []


def test_an_unknown_study_is_not_found(site: Site) -> None:
    for method, path in (("GET", "/api/studies/9"), ("POST", "/api/studies/9/stop")):
        answer = site.client.request(method, path)
        assert (answer.status_code, answer.json()["error"]) == (404, "There is no study 9; see `agent tune list`.")


def test_without_optuna_a_sentence_says_how_to_install_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    study(site.store, site.library, trials=1)
    monkeypatch.setattr("agent.tuning.extra.find_spec", lambda name: None)

    for path in ("/api/studies", "/api/studies/1"):
        answer = site.client.get(path)
        assert answer.status_code == 409
        assert "pip install 'supervisely-local[tune]'" in answer.json()["error"]
