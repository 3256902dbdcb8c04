"""The real app over a real store in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.artifacts import Artifacts, open_artifacts
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.demo_store import Library, fill_library
from tests.support.original_agent import OriginalAgent
from tests.support.web_server import TOKEN, Server
from web_stub.app import create_app

NAME = "old box"  # of an original agent


@dataclass
class Site:
    """The parts of one installation, and clients of it."""

    store: Store
    artifacts: Artifacts
    settings: Settings
    app: FastAPI
    library: Library
    client: TestClient  # with the token
    stranger: TestClient  # without


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", token=TOKEN, web_port=0)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    settings.home.mkdir()
    with open_store(settings.store) as opened:
        yield opened


@pytest.fixture
def artifacts(settings: Settings) -> Artifacts:
    return open_artifacts(settings.artifacts)


@pytest.fixture
def site(store: Store, artifacts: Artifacts, settings: Settings) -> Iterator[Site]:
    app = create_app(store, artifacts, settings)
    library = fill_library(store, artifacts)
    address = "http://127.0.0.1:8120"
    with (
        TestClient(app, base_url=address, headers={"x-api-key": TOKEN}, follow_redirects=False) as client,
        TestClient(app, base_url=address, follow_redirects=False) as stranger,
    ):
        yield Site(store, artifacts, settings, app, library, client, stranger)


@pytest.fixture
def start_server(store: Store, artifacts: Artifacts, settings: Settings) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**changes: Any) -> Server:
        servers.append(Server(store, artifacts, replace(settings, **changes)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


# ---------------------------------------------------------------- of a web on real connections


@pytest.fixture
def library(store: Store, artifacts: Artifacts) -> Library:
    return fill_library(store, artifacts)


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    return start_server()


@pytest.fixture
def person(server: Server) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def agent(store: Store, server: Server) -> Iterator[OriginalAgent]:
    """An original agent by the name of NAME, connected."""
    _, secret = store.tokens.create(NAME, is_agent=True)
    agent = OriginalAgent(server.url, secret)
    agent.connect()
    yield agent
    agent.close()
