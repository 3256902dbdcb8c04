"""The compose file serves a whole task: web and agent as two containers over one store."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.inputs import ODD, ROOT, Cli, write_model, write_project

pytestmark = pytest.mark.docker


class Compose:
    def __init__(self, folder: Path, base_image: str) -> None:
        self.token = secrets.token_hex(16)
        self.folder = folder
        self.port = _free_port()  # several checkouts may run this test at once
        self.command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        if subprocess.run([*self.command, "version"], capture_output=True, check=False).returncode:
            _absent("neither docker-compose nor docker compose is installed")
        self.env = {
            **os.environ,
            "AGENT_TOKEN": self.token,
            "SLY_LOCAL_DIR": str(folder),
            "SLY_LOCAL_PORT": str(self.port),
            "BASE_IMAGE": base_image,
            "COMPOSE_PROJECT_NAME": f"slylocal{secrets.token_hex(3)}",
        }

    def run(self, *args: object, timeout: float = 400) -> str:
        done = subprocess.run(
            [*self.command, *map(str, args)],
            cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def agent(self, *args: object) -> str:
        return self.run("exec", "-T", "agent", "agent", *args)

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"x-api-key": self.token})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.read()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def compose(docker_engine, base_image, tmp_path_factory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    made = Compose(folder, base_image)
    made.run("up", "--build", "--detach")
    try:
        yield made
    finally:
        made.run("down", "--volumes", "--timeout", "5")


def test_a_task_runs_end_to_end_through_compose(compose, base_image, tmp_path):
    Cli(tmp_path / "home", {}).run("build", ODD, "--base", f"base-py={base_image}")
    write_project(compose.folder / "in" / "fruit")
    write_model(compose.folder / "in" / "start")
    compose.agent("plugin", "add", "local/nn-odd:0.1.0")
    submit = (
        "submit-train",
        "--plugin",
        "Odd",
        "--project",
        compose.folder / "in/fruit",
        "--model",
        compose.folder / "in/start",
    )
    task_id = int(compose.agent(*submit, "--detach"))
    ended = json.loads(compose.agent("task", "wait", task_id, "--json"))
    assert (ended["status"], ended["reason"]) == ("finished", "finished")

    until = time.monotonic() + 30
    while True:  # the page's process may still be starting
        try:
            shown = json.loads(compose.get(f"/api/tasks/{task_id}"))
            break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)
    assert shown["status"] == "finished"
    found = json.loads(compose.get(f"/api/tasks/{task_id}/checkpoints"))["items"]
    assert [one["state"] for one in found] == ["published", "published"]
    for one in found:
        with tarfile.open(fileobj=io.BytesIO(compose.get(one["download"]))) as tar:
            assert sorted(tar.getnames()) == ["config.json", "model.pt"]
    assert (compose.folder / "tasks" / str(task_id) / "logs").is_dir()  # the same folder inside and outside
