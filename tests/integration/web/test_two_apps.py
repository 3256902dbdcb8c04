"""Apps in one process: they share their routes, which take long to make, and nothing else."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from agent.artifacts import open_artifacts
from agent.settings import Settings
from agent.store import open_store
from tests.integration.web.conftest import Site
from tests.support.demo_store import new_task
from tests.support.web_server import TOKEN
from web_stub.app import create_app


def test_two_apps_examine_their_routes_once_and_answer_each_of_its_own_store(site: Site, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "other", token="the-token-of-the-other-web", web_port=0)
    settings.home.mkdir()
    with open_store(settings.store) as store:
        app = create_app(store, open_artifacts(settings.artifacts), settings)
        shared = [route for route in app.routes if any(route is other for other in site.app.routes)]
        assert len(shared) == 5  # the REST and the public API, the agents' protocol, the pages, and what monitors ask
        new_task(site.store, site.library, "fruit")
        with TestClient(app, base_url=str(site.client.base_url)) as other:
            for path in ("/api/tasks", "/api/openapi.json"):
                assert other.get(path, headers={"x-api-key": TOKEN}).status_code == 401
            theirs = other.get("/api/tasks", headers={"x-api-key": settings.token}).json()
            ours = site.client.get("/api/tasks").json()
            assert (theirs["total"], ours["total"]) == (0, 1)
