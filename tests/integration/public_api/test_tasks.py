"""Requests of clients about agents, tasks and their checkpoints."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from agent import library
from agent.domain import TaskStatus
from agent.settings import Settings
from tests.integration.public_api.conftest import Api, Site
from tests.support.demo_store import finish, new_task, start, state_tar, train


def run_body(site: Site, **more: object) -> dict[str, object]:
    known, config = site.library, dict[str, object]()
    body = {"taskType": "train", "agentId": None, "pluginId": known.plugin_id, "version": None, "config": config}
    return {**body, "projects": [known.project_id], "models": [known.model_id], "name": "net", **more}


def test_an_agent_keeps_its_number_over_restarts(api: Api, site: Site) -> None:
    site.store.agents.beat("box:1:aa", "box", {"takes": "queue"})
    (before,) = api("agents.list", {"teamId": 1, "filter": []})["entities"]
    site.store.agents.beat("box:2:bb", "box", {"takes": "queue"})  # the old process has not been forgotten yet
    site.store.agents.beat("box:3:cc", "box", {"takes": "one"})  # a foreground task
    site.store.agents.beat("other:1:dd", "other", {})
    listed = {agent["name"]: agent["id"] for agent in api("agents.list", {"teamId": 1, "filter": []})["entities"]}
    assert listed == {"box": before["id"], "other": listed["other"]}
    assert before["id"] > 0
    assert [agent["name"] for agent in api("agents.available", {"teamId": 1})] == ["other", "box"]


def test_a_listed_agent_gets_what_was_asked_of_it(api: Api, site: Site) -> None:
    site.store.agents.beat("box:1:aa", "box", {"takes": "queue"})
    (agent,) = api("agents.list", {"teamId": 1, "filter": []})["entities"]
    mine = api("tasks.run.plugin", run_body(site, agentId=agent["id"]))["taskId"]
    from_elsewhere = api("tasks.run.plugin", run_body(site, agentId=424242))["taskId"]

    taken = site.store.tasks.claim("other:1:dd")
    assert taken is not None
    assert taken.id == from_elsewhere
    assert site.store.tasks.claim("other:1:dd") is None
    assert site.store.tasks.claim("box:1:aa") is not None
    info = api("tasks.info", {"id": mine})
    assert (info["status"], info["agentId"], info["agentName"]) == ("consumed", agent["id"], "box")


@pytest.fixture
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Those of an installation that hardens, for the test that asks for it."""
    return replace(settings, hardened=getattr(request, "param", False))


@pytest.mark.parametrize("settings", [True], indirect=True, ids=["hardened"])
def test_every_door_of_the_web_hardens_where_the_installation_does(api: Api, site: Site) -> None:
    by_public_api = api("tasks.run.plugin", run_body(site))["taskId"]
    body = {"type": "train", "plugin": 1, "project": 1, "model": 1, "options": {"hardened": False}}
    by_rest = site.client.post("/api/tasks", json=body).json()["id"]

    assert [site.store.tasks.get(id_).options.hardened for id_ in (by_public_api, by_rest)] == [True, True]


def test_a_version_is_chosen_by_its_tag(api: Api, site: Site) -> None:
    first = site.store.plugins.get(site.library.plugin_id)
    said = {
        name: getattr(first, name) for name in ("title", "description", "type", "image", "modes", "readme", "configs")
    }
    newer = site.store.plugins.put(**said, tag="9.9", image_digest=None, folder=None, content_sha256=None)
    by_default = api("tasks.run.plugin", run_body(site))["taskId"]
    by_tag = api("tasks.run.plugin", run_body(site, version=first.tag))["taskId"]

    assert site.store.tasks.get(by_default).plugin_id == newer.id
    assert site.store.tasks.get(by_tag).plugin_id == first.id
    assert {api("tasks.info", {"id": id_})["pluginId"] for id_ in (by_default, by_tag)} == {first.id}
    assert "9.9" in api("tasks.run.plugin", run_body(site, version="0"), status=404)["error"]


@pytest.mark.parametrize("taken", [True, False])
def test_the_reply_to_a_stop_is_a_status(api: Api, site: Site, taken: bool) -> None:
    id_ = api("tasks.run.plugin", run_body(site))["taskId"]
    if taken:
        site.store.tasks.claim("box:1:aa")
        site.store.tasks.become(id_, TaskStatus.STARTED)
    assert api("tasks.stop", {"id": id_}) == {"status": "terminating" if taken else "stopped"}
    assert api("tasks.stop", {"id": id_}) == {"status": "terminating" if taken else "stopped"}


def test_checkpoints_become_models_and_models_of_other_names(api: Api, site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=2)
    finish(story)
    checkpoints = api("tasks.checkpoints.list", {"id": story.task_id})
    of_task = [{"field": "taskId", "operator": "=", "value": story.task_id}]
    models = api("models.list", {"workspaceId": 1, "filter": of_task})["entities"]

    assert {c["modelId"] for c in checkpoints if c["modelId"]} == {model["id"] for model in models} != set()
    chosen = next(c for c in checkpoints if c["modelId"])
    body = {"id": chosen["id"], "taskId": story.task_id, "name": "kept"}
    assert api("models.create-from-checkpoint", body) == {"taskId": None}
    (kept,) = api("models.list", {"workspaceId": 1, "filter": [{"field": "name", "operator": "=", "value": "kept"}]})[
        "entities"
    ]
    assert (kept["hash"], kept["taskId"]) == (api("models.info", {"id": chosen["modelId"]})["hash"], story.task_id)
    api("models.create-from-checkpoint", {**body, "taskId": story.task_id + 1}, status=400)


def test_the_bytes_of_removed_models_go_with_the_last_one_in_the_trash(api: Api, site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    data = state_tar(["apple"], 5)
    ids = []
    for _ in range(2):
        made = api("models.hash.create", {"taskId": story.task_id})
        api("models.info", {"id": made["id"]}, status=404)
        api(
            "models.upload", None, files={"hash": (None, made["hash"]), "weights": ("x.tar", data, "application/x-tar")}
        )
        ids.append(made["id"])
    first, second = (api("models.info", {"id": id_}) for id_ in ids)
    assert (first["name"], second["name"]) == ("fruit", "fruit_001")
    assert first["hash"] != second["hash"]
    sha256 = site.store.models.get(ids[0]).sha256
    for id_ in ids:
        api("models.remove", {"id": id_})
    path = site.artifacts.path(sha256)
    assert path is not None
    os.utime(path, (1, 1))  # what was put or asked for within a day stays a while: somebody may be about to name it
    library.purge_model(site.store, site.artifacts, ids[0])
    assert path.exists()
    library.purge_model(site.store, site.artifacts, ids[1])
    assert not path.exists()
    assert "starts from" in api("models.remove", {"id": site.library.model_id}, status=400)["error"]


def test_the_log_is_returned_as_objects(api: Api, site: Site) -> None:
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=1)
    finish(story)
    address = "/public/api/v3/tasks.log.download"
    whole = site.client.get(address, params={"id": story.task_id}).json()
    rows = site.store.events.after(story.task_id, limit=100_000)
    assert [line["message"] for line in whole] == [row.message for row in rows]
    assert {line["task_id"] for line in whole} == {story.task_id}
    metrics = next(line for line in whole if line.get("event_type") == "EventType.METRICS")
    assert metrics["level"] == "info"
    newest = site.client.get(address, params={"id": story.task_id, "limit": 2}).json()
    assert newest == whole[-2:]
    since = (rows[-1].time - timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
    assert site.client.get(address, params={"id": story.task_id, "sinceTime": since}).json()[-1] == whole[-1]
    assert site.client.get(address, params={"id": 10**6}).status_code == 404
    assert site.client.get(address, params={"id": "x"}).status_code == 400


def test_lists_of_tasks_and_models_walk_the_same_pages_however_they_are_found(api, site):
    for number in range(5):
        new_task(site.store, site.library, f"task {number}")
    everything = {"filter": [{"field": "id", "operator": ">", "value": 0}]}  # a filter takes the way through all rows

    for method in ("tasks.list", "models.list"):
        for order in ({}, {"sort": "id", "sort_order": "asc"}, {"sort": "id", "sort_order": "desc"}, {"sort": "id"}):
            for page in (1, 2, 3):
                body = {"workspaceId": 1, **order, "page": page, "per_page": 2}
                assert api(method, body) == api(method, {**body, **everything})
