"""No invalid request gets an answer after which a client of 2019 would repeat it for two hours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.integration.public_api.conftest import Api, Site
from web_stub.public_api import METHODS
from web_stub.public_api.not_offered import why_missing

JSON = {"content-type": "application/json"}
ODD_BODIES: list[Any] = [
    {},
    {"id": 10**6, "taskId": 10**6},
    {"id": 0},
    {"id": 2**63},
    {"id": "seven"},
    {"id": None, "filter": None, "sort": 7, "page": -1},
    {"datasetId": 10**6, "projectId": 10**6, "imageId": 10**6, "imageIds": [10**6], "images": [], "annotations": []},
    {"workspaceId": 1, "teamId": 1, "filter": [{"field": "name", "operator": "like", "value": "%"}]},
    {"workspaceId": 1, "teamId": 1, "filter": [{"field": "name", "operator": "in", "value": "x"}]},
    {"workspaceId": 1, "teamId": 1, "filter": [{"field": "id", "operator": "<", "value": {"a": 1}}]},
    {"workspaceId": 99, "teamId": 99, "filter": []},
    {"workspaceId": 1, "name": "a/../b", "meta": {"classes": [{}]}, "config": 5, "projects": [], "models": []},
    {"workspaceId": 1, "projectId": 1, "name": "\ud800", "id": 1, "meta": {"classes": 3, "tags": None}},
    [],
    ["text"],
    [[1]],
    "text",
    None,
]


def test_malformed_bodies_get_an_answer_that_clients_do_not_repeat(site: Site) -> None:
    for method in sorted(METHODS):
        for body in ODD_BODIES:
            content = json.dumps(body)
            answer = site.client.post(f"/public/api/v3/{method}", content=content, headers=JSON)
            assert answer.status_code in (200, 400, 404, 405, 501), (method, body, answer.text)
            if answer.status_code != 200:
                said = answer.json()
                assert said["error"] == said["details"]["message"]
                assert said["error"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"nul", b"{'a': 1}", b"[" * 5000])
def test_a_body_that_is_no_json_is_a_400(api: Api, content: bytes) -> None:
    for method in ("projects.list", "images.internal.hashes.list", "annotations.bulk.add"):
        api(method, content=content, headers=JSON, status=400)


def test_no_method_answers_without_the_token(site: Site) -> None:
    for method in sorted(METHODS | {"no.such.method", "tasks.run.dtl"}):
        answer = site.stranger.post(f"/public/api/v3/{method}", json={"id": 1})
        assert answer.status_code == 401
        assert set(answer.json()) == {"error", "details"}
    assert site.stranger.post("/public/api/v3/users.me", json={}, headers={"x-api-key": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("tasks.run.dtl", 501),
        ("projects.clone", 501),
        ("figures.bulk.add", 501),
        ("videos.info", 501),
        ("teams.lst", 404),
        ("", 404),
        ("a/../b", 404),
        ("projects.info/", 404),
    ],
)
def test_a_method_that_is_not_offered_is_refused_by_name(site: Site, method: str, status: int) -> None:
    answer = site.client.post(f"/public/api/v3/{method}", json={})
    assert answer.status_code == status
    assert answer.json()["error"].startswith(f"{answer.json()['details']['method']}: ")


def test_no_method_is_both_offered_and_listed_as_missing() -> None:
    assert [method for method in METHODS if why_missing(method) is not None] == []


def test_an_internal_error_gets_an_answer_that_clients_do_not_repeat(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(site.store.projects, "list", fail)
    with TestClient(site.app, base_url=str(site.client.base_url), raise_server_exceptions=False) as client:
        answer = client.post("/public/api/v3/projects.list", json={"workspaceId": 1}, headers=site.client.headers)
    assert answer.status_code == 400
    assert "its log has the details" in answer.json()["error"]
