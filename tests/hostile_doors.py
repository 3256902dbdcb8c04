"""The doors through which strangers bring things, each of one installation: command line, REST, public API.

Each gives (whether it was taken, what was said of it), and holds the door to what is documented: exit code 2,
status 400 or 413, an error of one shape, and nothing left behind.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.cli import app as cli
from tests.integration.web.conftest import Site


@dataclass
class Doors:
    site: Site
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def cli(self, *args: object) -> tuple[bool, str]:
        """`agent ARGS`, in this process."""
        self.patch.setenv("AGENT_HOME", str(self.site.settings.home))
        self.patch.setattr(sys, "argv", ["agent", *map(str, args)])
        code = cli.run(cli.app)
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
        """As official clients upload one: a reserved hash, then multipart."""
        if not self.site.store.tasks.list(limit=1):
            wish = {"type": "train", "plugin": 1, "project": 1, "model": 1}
            assert self.site.client.post("/api/tasks", json=wish).status_code == 201
        made = self.site.client.post("/public/api/v3/models.hash.create", json={"taskId": 1}).json()
        with tar.open("rb") as body:
            answer = self.site.client.post(
                "/public/api/v3/models.upload", data={"hash": made["hash"]}, files={"weights": ("w.tar", body)}
            )
        return self._answer(answer, good=200)

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
        """What the installation holds: rows of the library, and every file but the database's."""
        store, home = self.site.store, self.site.settings.home
        files = sorted(
            str(file.relative_to(home)) for file in home.rglob("*") if file.is_file() and ".db" not in file.name
        )
        locks = [file for file in files if "lock" in file]
        return len(store.models.list()), len(store.projects.list()), [file for file in files if file not in locks]

    @staticmethod
    def _answer(answer: Any, *, good: int) -> tuple[bool, str]:
        if answer.status_code == good:
            return True, answer.text
        assert answer.status_code in (400, 404, 413), answer.text
        said = answer.json()
        assert set(said) == {"error", "details"}
        assert said["details"]["message"] == said["error"]
        return False, str(said["error"])
