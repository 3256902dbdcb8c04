"""The compose file, run as a project of its own on a port of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.inputs import ROOT


class Compose:
    """A project of its own, whose task folders are below `folder`."""

    def __init__(self, folder: Path, base_image: str, **variables: str) -> None:
        self.token = secrets.token_hex(16)
        self.folder = folder
        self.project = f"slylocal{secrets.token_hex(3)}"
        self.port = _free_port()  # several checkouts may run this test at once
        self.command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        if subprocess.run([*self.command, "version"], capture_output=True, check=False).returncode:
            skip_or_fail("neither docker-compose nor docker compose is installed")
        self.env = {
            **os.environ,
            "AGENT_TOKEN": self.token,
            "SLY_LOCAL_DIR": str(folder),
            "SLY_LOCAL_PORT": str(self.port),
            "BASE_IMAGE": base_image,
            "COMPOSE_PROJECT_NAME": self.project,
            **variables,
        }

    def run(self, *args: object, timeout: float = 400) -> str:
        done = subprocess.run(
            [*self.command, *map(str, args)],
            cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def agent(self, *args: object, service: str = "agent") -> str:
        """What a command of the agent prints in the container of this service."""
        return self.run("exec", "-T", service, "agent", *args)

    def get(self, path: str) -> bytes:
        """The answer of the web. Raises OSError."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"x-api-key": self.token})
        with urllib.request.urlopen(request, timeout=10) as reply:
            answer: bytes = reply.read()
            return answer


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def skip_or_fail(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
