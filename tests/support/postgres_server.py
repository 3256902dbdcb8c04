"""A throw-away PostgreSQL server on a Unix socket, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAMS = ("initdb", "postgres", "pg_ctl")
_CONNECTIONS = 60


def programs_missing() -> str:
    """Why no server can be started here, as a sentence; empty when one can."""
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    return f"{', '.join(missing)} not on PATH" if missing else ""


@contextmanager
def postgres_server(*, syncs: bool = False, connections: int = _CONNECTIONS) -> Iterator[str]:
    """The URL of a new server that lives as long as the block. With `syncs` its commits wait for the disk."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path holds 107 bytes
    user = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:  # the server refuses to run as root
        user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
        shutil.chown(folder, user)
    run_as: dict[str, Any] = {"user": user} if os.geteuid() == 0 else {}

    def run(name: str, *arguments: str) -> None:
        program = shutil.which(name)
        assert program is not None, f"{name} is not on PATH"
        quiet = subprocess.DEVNULL
        subprocess.run([program, *arguments], check=True, cwd=folder, stdout=quiet, stderr=quiet, **run_as)

    data = str(folder / "data")
    settings = {
        "listen_addresses": "''",
        "unix_socket_directories": str(folder),
        "fsync": "on" if syncs else "off",
        "max_connections": str(connections),
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
    run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)
