"""The ways by which input from outside comes into an installation: command line, REST, public API.

Each returns (whether the input was accepted, the message), and checks the documented refusal: exit code 2, status 400
or 413, an error of the documented form, and nothing left behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.artifacts import open_artifacts
from agent.cli import app as cli
from agent.cli.failures import guarded
from agent.settings import Settings
from agent.store import open_store
from tests.integration.web.conftest import Site
from tests.support.demo_store import fill_library
from tests.support.web_server import TOKEN
from web_stub.app import create_app


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation for all tests of a module: no test may leave anything in it."""
    settings = Settings(home=tmp_path_factory.mktemp("installation") / "home", token=TOKEN, web_port=0)
    settings.home.mkdir()
    artifacts = open_artifacts(settings.artifacts)
    address = "http://127.0.0.1:8120"
    with open_store(settings.store) as store:
        app, library = create_app(store, artifacts, settings), fill_library(store, artifacts)
        with (
            TestClient(app, base_url=address, headers={"x-api-key": TOKEN}, follow_redirects=False) as client,
            TestClient(app, base_url=address, follow_redirects=False) as stranger,
        ):
            yield Site(store, artifacts, settings, app, library, client, stranger)


@pytest.fixture
def doors(installation: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doors:
    return Doors(installation, capsys, monkeypatch)


@dataclass
class Doors:
    site: Site
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def cli(self, *args: object) -> tuple[bool, str]:
        """`agent ARGS`, in this process."""
        self.patch.setenv("AGENT_HOME", str(self.site.settings.home))
        self.patch.setattr(sys, "argv", ["agent", *map(str, args)])
        code = guarded(lambda: cli.run(cli.app))
        said = self.capsys.readouterr()
        assert code in (0, 2), said.err
        assert not code or said.err.startswith("agent: ")
        return not code, said.err if code else said.out

    def rest_model(self, tar: Path) -> tuple[bool, str]:
        with tar.open("rb") as body:
            answer = self.site.client.post(
                "/api/models", params={"name": "hostile"}, content=iter(lambda: body.read(1 << 20), b"")
            )
        return self._answer(answer, good=201)

    def public_model(self, tar: Path) -> tuple[bool, str]:
        """Upload a model like official clients: reserve a hash, then send multipart."""
        made = self.site.client.post("/public/api/v3/models.hash.create", json={"taskId": self.task()}).json()
        with tar.open("rb") as body:
            answer = self.site.client.post(
                "/public/api/v3/models.upload", data={"hash": made["hash"]}, files={"weights": ("w.tar", body)}
            )
        return self._answer(answer, good=200)

    def task(self) -> int:
        """The id of a task."""
        if not (known := self.site.store.tasks.list(limit=1)):
            payload = {"type": "train", "plugin": 1, "project": 1, "model": 1}
            assert self.site.client.post("/api/tasks", json=payload).status_code == 201
            known = self.site.store.tasks.list(limit=1)
        return known[0].id

    def public(self, method: str, body: Any = None, **more: Any) -> tuple[bool, str]:
        if "content" in more:
            more["headers"] = {"content-type": "application/json"}
        else:
            more.setdefault("json", body)
        if "files" in more:
            del more["json"]
        return self._answer(self.site.client.post(f"/public/api/v3/{method}", **more), good=200)

    def rest(self, path: str, body: Any) -> tuple[bool, str]:
        return self._answer(self.site.client.post(path, json=body), good=201)

    def kept(self) -> tuple[Any, ...]:
        """The content of the installation: rows of the library, and every file except the database and its locks."""
        store, home = self.site.store, self.site.settings.home
        files = sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file())
        own = (".db", "lock", "artifacts/stores/")
        kept = [file for file in files if not any(word in file for word in own)]
        return len(store.models.list()), len(store.projects.list()), kept

    @staticmethod
    def _answer(answer: Any, *, good: int) -> tuple[bool, str]:
        if answer.status_code == good:
            return True, answer.text
        assert answer.status_code in (400, 404, 413), answer.text
        said = answer.json()
        assert set(said) == {"error", "details"}
        assert said["details"]["message"] == said["error"]
        return False, str(said["error"])
