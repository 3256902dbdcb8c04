"""Names, notes, tags, the archive and the trash over REST; one thing and many at once."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain import NewModel, NewTask, Provenance, TaskType
from tests.integration.web.conftest import Site
from tests.support.demo_store import finish, new_task, start, train


@pytest.fixture
def ended(site: Site) -> int:
    """A finished training with checkpoints; its id."""
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=2)
    finish(story)
    return story.task_id


def tasks(site: Site, query: str = "") -> Any:
    return site.client.get(f"/api/tasks{query}").json()


def bulk(site: Site, noun: str, **asked: Any) -> list[dict[str, Any]]:
    answer = site.client.post(f"/api/{noun}/bulk", json=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize("noun", ["tasks", "models", "projects"])
def test_words_are_changed_one_by_one(site: Site, ended: int, noun: str) -> None:
    library = site.library
    address = f"/api/{noun}/{ {'tasks': ended, 'models': library.model_id, 'projects': library.project_id}[noun] }"
    changed = site.client.patch(address, json={"name": "better", "notes": "# Why", "tag": ["baseline", "old"]})
    assert (changed.status_code, changed.json()["name"], changed.json()["notes"]) == (200, "better", "# Why")
    changed = site.client.patch(address, json={"untag": ["old"]})
    assert (changed.json()["name"], changed.json()["tags"]) == ("better", ["baseline"])
    assert site.client.get(address).json() == changed.json()
    found = site.client.get(f"/api/{noun}?text=baseline").json()
    assert [item["tags"] for item in found["items"]] == [["baseline"]]
    for wrong, status in (({"name": "a/b"}, 400), ({"tag": [""]}, 400), ({}, 400), ({"title": "x"}, 400)):
        assert site.client.patch(address, json=wrong).status_code == status
    assert site.client.patch(f"/api/{noun}/999", json={"name": "x"}).status_code == 404


def test_archived_tasks_are_a_list_of_their_own(site: Site, ended: int) -> None:
    assert site.client.post(f"/api/tasks/{ended}/archive").json()["archived_at"] is not None
    listed, archived = tasks(site), tasks(site, "?archived=true")
    assert (listed["items"], listed["total"], listed["archived"], sum(listed["counts"].values())) == ([], 0, 1, 0)
    assert ([card["id"] for card in archived["items"]], archived["total"], archived["archived"]) == ([ended], 1, 1)
    assert site.client.post("/public/api/v3/tasks.list", json={}).json()["total"] == 1  # clients know of no archive
    site.client.post(f"/api/tasks/{ended}/unarchive")
    assert [card["id"] for card in tasks(site)["items"]] == [ended]


def test_a_task_goes_to_the_trash_and_comes_back_or_goes_for_good(site: Site, ended: int) -> None:
    assert site.client.delete(f"/api/tasks/{ended}").json()["deleted_at"] is not None
    assert tasks(site)["total"] == 0
    assert site.client.get(f"/api/tasks/{ended}").status_code == 200  # its models lead to it
    assert site.client.get(f"/tasks/{ended}", headers={"accept": "text/html"}).status_code in (200, 303)
    trash = site.client.get("/api/space").json()["trash"]
    assert [(one["noun"], one["id"], one["name"]) for one in trash] == [("task", ended, "fruit")]
    assert site.client.post(f"/api/tasks/{ended}/restore").json()["deleted_at"] is None
    assert site.client.delete(f"/api/tasks/{ended}?for_good=true").status_code == 204
    assert site.client.get(f"/api/tasks/{ended}").status_code == 404
    assert site.client.post(f"/api/tasks/{ended}/restore").status_code == 404
    assert site.store.tasks.given_up() == [ended]  # the rest is an agent's


@pytest.mark.parametrize("noun", ["task", "model", "project", "plugin"])
def test_a_deletion_for_good_is_explained_and_refused_while_something_needs_the_thing(
    site: Site, ended: int, noun: str
) -> None:
    library = site.library
    ids = {"task": ended, "model": library.model_id, "project": library.project_id, "plugin": library.plugin_id}
    address = f"/api/{noun}s/{ids[noun]}"
    sentence = site.client.get(f"/api/{noun}s/deletion?ids={ids[noun]}").json()["sentence"]
    assert sentence.startswith(f"1 {noun}")
    assert "cannot be restored afterwards" in sentence
    if noun != "task":
        assert "needs it and cannot come back" not in sentence
        assert site.client.delete(f"{address}?for_good=true").status_code == 409
        site.client.delete(f"/api/tasks/{ended}")
        again = site.client.get(f"/api/{noun}s/deletion?ids={ids[noun]}").json()["sentence"]
        assert "1 task of the trash needs it and cannot come back then." in again
    site.client.delete(address)
    assert site.client.delete(f"{address}?for_good=true").status_code == 204
    assert ids[noun] not in {one["id"] for one in site.client.get("/api/space").json()["trash"] if one["noun"] == noun}
    assert site.client.get(f"/api/{noun}s/deletion").status_code == 400


def test_what_is_needed_stays_and_the_answer_says_for_what(site: Site, ended: int) -> None:
    library = site.library
    for address in (f"projects/{library.project_id}", f"models/{library.model_id}", f"plugins/{library.plugin_id}"):
        refused = site.client.delete(f"/api/{address}")
        assert (refused.status_code, f"`agent task rm {ended}`" in refused.json()["error"]) == (409, True)
    site.client.delete(f"/api/tasks/{ended}")
    for noun, id_ in (("projects", library.project_id), ("plugins", library.plugin_id)):
        assert site.client.delete(f"/api/{noun}/{id_}").json()["deleted_at"] is not None
        assert site.client.get(f"/api/{noun}/{id_}").status_code == 404
        assert site.client.get(f"/api/{noun}").json()["total"] == 0
    site.client.post(f"/api/tasks/{ended}/restore")
    assert site.client.get(f"/api/projects/{library.project_id}").status_code == 200


def test_many_are_changed_at_once_and_each_says_what_became_of_it(site: Site, ended: int) -> None:
    running = start(site.store, new_task(site.store, site.library, "pears")).task_id
    weight = site.client.get(f"/api/tasks/weight?ids={ended}&ids={running}&ids=999").json()
    assert (weight["tasks"], weight["models"] > 0, weight["lines"] > 0) == (2, True, True)
    done = bulk(site, "tasks", ids=[ended, running, 999], action="remove")
    assert [(one["id"], one["reason"]) for one in done] == [(ended, None), (running, "conflict"), (999, "not_found")]
    assert "agent task stop" in done[1]["error"]
    assert bulk(site, "tasks", ids=[ended], action="restore")[0]["error"] is None
    bulk(site, "tasks", ids=[ended, running], action="edit", tag=["sweep"], untag=["x"])
    assert {tuple(card["tags"]) for card in tasks(site, "?tag=sweep")["items"]} == {("sweep",)}
    bulk(site, "tasks", ids=[running], action="stop")
    assert site.store.tasks.get(running).stop_requested


def test_results_go_too_when_that_is_asked_for(site: Site, ended: int) -> None:
    made = [model.id for model in site.store.models.list(task_id=ended)]
    site.store.models.pin(made[0])
    (one,) = bulk(site, "tasks", ids=[ended], action="remove", with_results=True)
    assert (one["error"], len(one["stayed"]), "pinned" in one["stayed"][0]) == (None, 1, True)
    assert {model.id for model in site.store.models.trashed()} == set(made[1:])
    assert (set(one["models"]), one["projects"]) == (set(made[1:]), [])  # what a way back has to restore


def test_results_that_only_tasks_beside_it_need_go_with_them(site: Site, ended: int) -> None:
    (made, *_) = site.store.models.list(task_id=ended)
    library = site.library
    new = NewTask(TaskType.TRAIN, "on", library.plugin_id, library.project_id, made.id, {})
    later = start(site.store, site.store.tasks.add(new))
    finish(later)
    first, _ = bulk(site, "tasks", ids=[ended, later.task_id], action="remove", with_results=True)
    assert (first["stayed"], made.id in first["models"]) == ([], True)


@pytest.mark.parametrize("action", ["edit", "archive", "unarchive", "restore", "stop"])
def test_only_a_removal_takes_results_with_it(site: Site, ended: int, action: str) -> None:
    words = {"tag": ["x"]} if action == "edit" else {}
    asked = {"ids": [ended], "action": action, "with_results": True, **words}
    refused = site.client.post("/api/tasks/bulk", json=asked)
    assert (refused.status_code, "leave with_results out" in refused.json()["error"]) == (400, True)
    task = site.store.tasks.get(ended)
    assert (site.store.models.trashed(), task.tags, task.archived_at) == ([], (), None)


@pytest.mark.parametrize(
    ("noun", "asked"),
    [
        ("models", {"ids": [1], "action": "stop"}),
        ("projects", {"ids": [1], "action": "archive"}),
        ("models", {"ids": [1], "action": "remove", "with_results": True}),
        ("plugins", {"ids": [1], "action": "edit", "tag": ["x"]}),
        ("tasks", {"ids": [1], "action": "edit"}),
        ("tasks", {"ids": [1], "action": "stop", "tag": ["x"]}),
        ("models", {"ids": [1], "action": "restore", "untag": ["x"]}),
        ("tasks", {"ids": [], "action": "remove"}),
        ("tasks", {"ids": [1], "action": "explode"}),
    ],
)
def test_what_makes_no_sense_is_refused_as_a_whole(site: Site, noun: str, asked: dict[str, Any]) -> None:
    assert site.client.post(f"/api/{noun}/bulk", json=asked).status_code == 400


def test_official_clients_remove_through_the_trash(site: Site) -> None:
    project = site.store.projects.create("unwanted")
    assert site.client.post("/public/api/v3/projects.remove", json={"id": project.id}).json() == {"success": True}
    assert [one.id for one in site.store.projects.trashed()] == [project.id]
    assert site.client.post("/public/api/v3/projects.info", json={"id": project.id}).status_code == 404
    site.store.projects.restore(project.id)
    body = {"projects": [{"id": project.id}]}
    assert site.client.post("/public/api/v3/projects.remove.permanently", json=body).status_code == 200
    assert site.store.projects.given_up() == [project.id]


def test_a_model_that_is_deleted_for_good_keeps_its_bytes_until_an_agent_comes(site: Site) -> None:
    blob = site.artifacts.put_bytes(b"weights")
    model = site.store.models.add(NewModel("x", blob.sha256, blob.size_bytes, None, provenance=Provenance()))
    assert site.client.delete(f"/api/models/{model.id}?for_good=true").status_code == 204
    assert site.client.get(f"/api/models/{model.id}").status_code == 404
    assert blob.sha256 in site.store.blobs.named()


def test_a_training_starts_from_random_weights_when_no_model_is_named(site: Site) -> None:
    library = site.library
    asked = {"type": "train", "plugin": library.plugin_id, "project": library.project_id}
    first, second = (site.client.post("/api/tasks", json=body).json() for body in (asked, {**asked, "model": None}))
    assert first["model"] == second["model"]  # one model without files serves all
    files = site.client.get(f"/api/models/{first['model']['id']}/files").json()
    assert (files["items"], files["count"]) == ([], 0)
    refused = site.client.post("/api/tasks", json={**asked, "type": "inference"})
    assert (refused.status_code, "no model was given" in refused.json()["error"]) == (400, True)
