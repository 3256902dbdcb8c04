"""The same tests run on SQLite and, where its server programs are installed, on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.domain import NewModel, NewProject, NewTask, Task, TaskType
from agent.store import Store, open_store
from tests.support.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """`empty_url()`: the URL of a database that does not exist yet; the one before may be gone."""
    if request.param == "sqlite":
        numbers = itertools.count(1)
        return lambda: f"sqlite:///{tmp_path / f'store{next(numbers)}.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")

    def emptied() -> str:
        server.empty()
        return server.url

    return emptied


@pytest.fixture
def store_url(empty_url: Callable[[], str]) -> str:
    """The URL of a database that does not exist yet."""
    return empty_url()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    with open_store(sqlite_url) as opened:
        yield opened


@pytest.fixture
def postgres_store(postgres_server: PostgresServer) -> Iterator[Store]:
    postgres_server.empty()
    with open_store(postgres_server.url) as opened:
        yield opened


@pytest.fixture
def new_task() -> Callable[..., NewTask]:
    """`new_task(store, **changes)`: a task that may be added; its plugin, project and model are in the store."""

    def new_task(store: Store, **changes: object) -> NewTask:
        plugin = store.plugins.put(
            title="Net",
            description="",
            type="architecture",
            image="local/net",
            tag="1",
            modes=["train"],
            readme="",
            configs=[],
            image_digest=None,
            folder=None,
            content_sha256=None,
        )
        project = store.projects.by_content("0" * 64) or store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
        model = next(iter(store.models.of_bytes("1" * 64)), None) or store.models.add(
            NewModel("start", "1" * 64, 10, {})
        )
        values: dict[str, Any] = {
            "type": TaskType.TRAIN,
            "name": "net",
            "plugin_id": plugin.id,
            "project_id": project.id,
            "model_id": model.id,
            "config": {"lr": 0.1},
        }
        return NewTask(**(values | changes))

    return new_task


@pytest.fixture
def task(store: Store, new_task: Callable[..., NewTask]) -> Task:
    """A queued task."""
    return store.tasks.add(new_task(store))
