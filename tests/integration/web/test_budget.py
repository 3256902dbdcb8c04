"""Large requests take turns, stop when their client has gone, and never keep short requests waiting."""

from __future__ import annotations

import json
import pkgutil
import socket
import threading
import time
from importlib import import_module
from inspect import iscoroutinefunction
from urllib.parse import urlsplit

import httpx2
import pytest

from agent.domain import NewImage, NewProject
from tests.support.labeled_project import annotation
from tests.support.web_server import TOKEN
from web_stub import budget, public_api, rest
from web_stub.budget import AT_ONCE, BudgetRoute


@pytest.fixture
def dataset_id(site):
    image = NewImage("a", "0" * 64, 1, 8, 8, "image/png", annotation([]))
    project = site.store.projects.add(NewProject("many", "", {}, "a" * 64, [("ds", [image] * 1)]))
    return site.store.datasets.list(project.id)[0].id


class Slow:
    """A store's images whose dataset never ends, as long as somebody asks for the next image."""

    def __init__(self, images):
        self._image = images
        self.running = 0
        self.ended = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def endless(self, dataset_id, **more):
        self.running += 1
        self.begun.release()
        try:
            (image,) = self._image.page(dataset_id)[1]
            while True:
                time.sleep(0.005)
                yield image
        finally:
            self.running -= 1
            self.ended.release()


@pytest.fixture
def slow(site, monkeypatch):
    slow = Slow(site.store.images)
    monkeypatch.setattr(site.store.images, "of_dataset", slow.endless)
    return slow


def send(url: str, dataset_id: int) -> socket.socket:
    """A connection on which an endless `images.list` was asked for; nobody has read the answer."""
    body = json.dumps({"datasetId": dataset_id, "filter": [{"field": "mime", "value": "x"}]}).encode()
    host, port = urlsplit(url).netloc.split(":")
    connection = socket.create_connection((host, int(port)))
    head = f"POST /public/api/v3/images.list HTTP/1.1\r\nHost: {host}\r\nx-api-key: {TOKEN}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_the_work_of_a_client_that_has_gone_ends(start_server, site, slow, dataset_id):
    connection = send(start_server().url, dataset_id)
    assert slow.begun.acquire(timeout=10)
    connection.close()

    assert slow.ended.acquire(timeout=10)
    assert slow.running == 0


def test_few_large_requests_run_at_once_and_short_requests_do_not_wait(start_server, site, slow, dataset_id):
    server = start_server()
    connections = [send(server.url, dataset_id) for _ in range(60)]
    for _ in range(AT_ONCE):
        assert slow.begun.acquire(timeout=10)
    slowest = 0.0
    with server.client() as client:
        for _ in range(20):
            started = time.monotonic()
            assert client.get("/health").status_code == 200
            assert client.get("/api/info").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
    running = slow.running
    for connection in connections:
        connection.close()
    for _ in range(AT_ONCE):
        assert slow.ended.acquire(timeout=10)

    assert running == AT_ONCE
    assert slowest < 3


def test_requests_that_waited_and_left_are_never_begun(start_server, site, slow, dataset_id):
    server = start_server()
    first = [send(server.url, dataset_id) for _ in range(AT_ONCE)]
    for _ in first:
        assert slow.begun.acquire(timeout=10)
    for waiting in [send(server.url, dataset_id) for _ in range(20)]:
        waiting.close()
    with server.client() as client:
        client.get("/health")
        for connection in first:
            connection.close()
        for _ in first:
            assert slow.ended.acquire(timeout=10)
        begun_late = sum(slow.begun.acquire(timeout=0.1) for _ in range(20))

    assert begun_late <= 1  # which was on its way to its turn when its client left


def test_a_request_that_takes_too_long_is_told_so(site, slow, dataset_id, monkeypatch):
    monkeypatch.setattr(budget, "TIME_S", 0.2)
    body = {"datasetId": dataset_id, "filter": [{"field": "mime", "value": "x"}]}
    answer = site.client.post("/public/api/v3/images.list", json=body)

    assert answer.status_code == 400
    assert answer.json()["details"]["reason"] == "too_much_work"


def test_more_requests_than_may_wait_are_refused_at_once(site, dataset_id, monkeypatch):
    monkeypatch.setattr(site.app.state.turns, "_most", 0)
    answer = site.client.post("/public/api/v3/images.list", json={"datasetId": dataset_id})

    assert answer.status_code == 503
    assert answer.json()["details"]["reason"] == "too_busy"


def test_a_million_ids_in_a_filter_are_answered_while_others_are(start_server, site, dataset_id):
    body = {"datasetId": dataset_id, "filter": [{"field": "id", "operator": "in", "value": list(range(1_000_000))}]}
    answers: list[httpx2.Response] = []

    def ask() -> None:
        with server.client() as client:
            answers.append(client.post("/public/api/v3/images.list", json=body))

    server = start_server()
    asking = threading.Thread(target=ask)
    asking.start()
    slowest = 0.0
    with server.client() as client:
        while asking.is_alive():
            started = time.monotonic()
            assert client.get("/health").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
    asking.join()

    assert answers[0].status_code == 200
    assert answers[0].json()["total"] == 1
    assert slowest < 3


def test_every_short_route_has_a_budget_and_every_list_is_large():
    modules = [
        import_module(f"{package.__name__}.{found.name}")
        for package in (rest, public_api)
        for found in pkgutil.iter_modules(package.__path__)
    ]
    routes = [route for module in modules if hasattr(module, "router") for route in module.router.routes]
    streams = {"stream_task", "stream_list", "stream_models", "stream_together"}
    large = {(route.endpoint.__module__, route.name) for route in routes if getattr(route.endpoint, "is_large", False)}
    lists = {
        (route.endpoint.__module__, route.name)
        for route in routes
        if not iscoroutinefunction(route.endpoint) and ("list" in route.name or "bulk" in route.name)
    }

    assert {route.name for route in routes if not isinstance(route, BudgetRoute)} == streams
    assert {name for _, name in lists - large} <= {
        *("users_list", "teams_list", "workspaces_list", "agents_list", "list_agents"),  # always short
        *("list_results", "list_deployed"),
    }


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(start_server, site, dataset_id, caplog):
    server = start_server()
    host, port = urlsplit(server.url).netloc.split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /public/api/v3/images.list HTTP/1.1\r\nHost: {host}\r\nx-api-key: {TOKEN}\r\n"
        connection.sendall(f'{head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"id":'.encode())
        with server.client() as client:
            assert client.get("/api/info").status_code == 200
    server.stop()

    assert "failed" not in caplog.text
