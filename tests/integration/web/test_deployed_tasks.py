"""Deployed models, which have no project, in lists, on pages and in answers that show tasks."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain import NewTask, Task, TaskStatus, TaskType
from tests.integration.web.conftest import Site
from tests.support.web_server import TOKEN


@pytest.fixture
def deployed(site: Site) -> Task:
    new = NewTask(TaskType.DEPLOY, "net deployed", site.library.plugin_id, None, site.library.model_id, {"gpu": 0})
    task = site.store.tasks.add(new)
    site.store.tasks.become(task.id, TaskStatus.CONSUMED)
    site.store.tasks.become(task.id, TaskStatus.STARTED)
    return site.store.tasks.become(task.id, TaskStatus.DEPLOYED)


def got(site: Site, path: str) -> Any:
    answer = site.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_rest_shows_them_without_a_project(site: Site, deployed: Task) -> None:
    card = got(site, f"/api/tasks/{deployed.id}")
    assert (card["type"], card["status"], card["project"], card["config"]) == ("deploy", "deployed", None, {"gpu": 0})
    for query in ("type=deploy", "type=deploy&q=net", "status=deployed"):
        assert [one["id"] for one in got(site, f"/api/tasks?{query}")["items"]] == [deployed.id]
    assert deployed.id not in [one["id"] for one in got(site, "/api/tasks?type=train")["items"]]
    lineage = got(site, f"/api/models/{site.library.model_id}/lineage")
    assert [use["task"]["project"] for use in lineage["used_by"] if use["task"]["id"] == deployed.id] == [None]


def test_the_table_of_runs_finds_them_by_their_type_and_leaves_the_project_empty(site: Site, deployed: Task) -> None:
    asked = {"where": "type == 'deploy'", "columns": "name,type,project"}
    found = site.client.get("/api/runs", params=asked)
    assert found.status_code == 200, found.text
    assert [row["id"] for row in found.json()["rows"]] == [deployed.id]
    assert found.json()["rows"][0]["cells"] == ["net deployed", "deploy", None]


@pytest.mark.parametrize(
    "place", ["/tasks", "/tasks/{task}", "/models/{model}", "/runs", "/tasks/new?task={task}", "/space"]
)
def test_pages_show_them(place: str, site: Site, deployed: Task) -> None:
    site.stranger.post("/login", data={"token": TOKEN})
    answer = site.stranger.get(place.format(task=deployed.id, model=site.library.model_id))
    assert answer.status_code == 200, answer.text
    if place == "/tasks/{task}":
        assert "Rerun with changes" not in answer.text


def test_the_public_api_shows_them_without_a_project(site: Site, deployed: Task) -> None:
    answer = site.client.post("/public/api/v3/tasks.info", json={"id": deployed.id})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["type"], found["status"], found["meta"]["input"]["projectId"]) == ("deploy", "deployed", None)
