"""Studies over REST: lists, one of them, its end; and what is said without Optuna."""

from __future__ import annotations

import pytest

from agent.store import StudyState
from tests.integration.web.conftest import Site
from tests.support.demo_study import study
from tests.support.web_server import TOKEN


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
