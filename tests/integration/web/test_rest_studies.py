"""Studies over REST: lists, one of them, its end; and what is said without Optuna."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from agent.store import StudyState
from tests.integration.web.conftest import Site
from tests.support.demo_study import study
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
    assert found["importance"] is None, "fewer than ten trials are complete"


def delete_all_of(site: Site, study_id: int) -> None:
    """What the study was started with, and its tasks, for good."""
    task = site.store.studies.get(study_id).task
    for id_ in [one.id for one in site.store.studies.tasks(study_id).values()]:
        site.store.tasks.give_up(id_)
    parts = (("models", task.model_id), ("projects", task.project_id), ("plugins", task.plugin_id))
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
    assert found == {**before, "trials": [trial | gone for trial in before["trials"]], "best": before["best"] | gone}
    assert site.client.get("/api/studies").json()["items"][0]["best"] == found["best"]
    assert site.client.post("/api/studies/1/stop").json() == found
    page = person.get("/studies/1")
    assert (page.status_code, "plugin 1, deleted" in page.text) == (200, True)
    assert person.get("/studies").status_code == 200


def test_what_is_in_the_trash_is_named_on_the_page_of_its_study(site: Site, person: TestClient) -> None:
    study(site.store, site.library, trials=1)
    site.store.tasks.remove(1)
    site.store.projects.remove(site.library.project_id)
    page = person.get("/studies/1")
    assert (page.status_code, "(in the trash)" in page.text) == (200, True)


def test_importance_comes_with_enough_trials(site: Site) -> None:
    study(site.store, site.library, trials=24)

    importance = site.client.get("/api/studies/1").json()["importance"]

    assert set(importance) == {"lr", "weights_init_type"}
    assert sum(importance.values()) == pytest.approx(1)


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
