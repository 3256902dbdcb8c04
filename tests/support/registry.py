"""A real registry of images on this machine (Debian's docker-registry), which the Docker engine trusts without TLS."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0
USER, PASSWORD = "lab", "a-password"
_HASH = "$2b$04$iVWjuZVZlqLl0PgyrFPUeOKCbrKBcsnigpTgL6J2NY/zerlI3ZyXu"  # `htpasswd -nbB lab a-password`


def why_no_registry() -> str:
    """Why none can be started here; empty when it can."""
    found = shutil.which("docker-registry")
    return "" if found else "docker-registry is not installed; scripts/test-tools.sh installs it on Debian"


class Registry:
    """The server program and its folder."""

    def __init__(self, folder: Path, *, with_password: bool) -> None:
        self._folder = folder
        self._with_password = with_password
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "images")}, "delete": {"enabled": True}},
            "http": {"addr": self.name},
        }
        if self._with_password:
            passwords = self._folder / "passwords"
            passwords.write_text(f"{USER}:{_HASH}\n")
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(passwords)}}
        file = self._folder / "config.yml"
        file.write_text(json.dumps(config))  # YAML
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", file], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text()[-3000:])
            time.sleep(0.05)  # nothing tells that a server has begun to answer

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.name}/v2/", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False


@contextmanager
def running_registry(folder: Path, *, with_password: bool = False) -> Iterator[Registry]:
    folder.mkdir(parents=True, exist_ok=True)
    registry = Registry(folder, with_password=with_password)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
