"""The database server is away: every address says so in one sentence, and works again by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from agent.artifacts import Artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.web_server import TOKEN
from web_stub.app import create_app


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def client(server: PostgresServer, artifacts: Artifacts, settings: Settings) -> Iterator[TestClient]:
    settings.home.mkdir(exist_ok=True)
    with (
        open_store(server.url) as store,
        TestClient(
            create_app(store, artifacts, settings), base_url="http://127.0.0.1:8120", headers={"x-api-key": TOKEN}
        ) as client,
    ):
        yield client


AS_A_PERSON = {"accept": "text/html"}
STREAMS = {"streams": [{"address": "stream"}]}


PAGES = ["/", "/models", "/projects", "/plugins", "/studies", "/tasks/1"]


def test_every_address_says_so_in_one_sentence_and_works_again(client: TestClient, server: PostgresServer) -> None:
    client.post("/login", data={"token": TOKEN})
    before = {page: client.get(page, headers=AS_A_PERSON).status_code for page in PAGES}
    server.stop()
    try:
        for page in PAGES:
            answer = client.get(page, headers=AS_A_PERSON)
            assert (page, answer.status_code) == (page, 503)
            assert "does not answer" in answer.text
        for answer in (client.get("/api/tasks"), client.post("/api/stream", json=STREAMS)):
            assert (answer.status_code, answer.json()["details"]["reason"]) == (503, "store_away")
            assert "does not answer" in answer.json()["error"]
        assert client.post("/public/api/v3/projects.list", json={}).status_code == 503
        assert client.get("/api/stream").text.strip() == "retry: 1000"  # the reader connects again
        assert client.get("/health").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["store"]) == (503, "does not answer")
    finally:
        server.start()
    assert {page: client.get(page, headers=AS_A_PERSON).status_code for page in PAGES} == before
    assert client.get("/api/tasks").status_code == 200
