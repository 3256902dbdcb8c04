"""A throw-away PostgreSQL server on a Unix socket, for tests and benchmarks: stopped and started again at will."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

SOCKET = ".s.PGSQL.5432"
_PROGRAMS = ("initdb", "postgres", "pg_ctl")


class PostgresServer:
    """Its data survives `stop` and `start`; its folder is short, as a socket's path holds 107 bytes."""

    def __init__(self, folder: Path, *, syncs: bool = False, connections: int = 60) -> None:
        """With `syncs` its commits wait for the disk."""
        self.folder = folder
        self._settings = {
            "listen_addresses": "''",
            "unix_socket_directories": str(folder),
            "fsync": "on" if syncs else "off",
            "max_connections": str(connections),
        }
        user = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:  # the server refuses to run as root
            user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
            shutil.chown(folder, user)
        self._run_as: dict[str, Any] = {"user": user} if os.geteuid() == 0 else {}
        self._data = str(folder / "data")
        self._run("initdb", "-D", self._data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def url(self) -> str:
        return url_of(self.folder)

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        self._control("-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` cuts connections and ends; `immediate` crashes."""
        self._control("-w", "-m", mode, "stop")

    def empty(self) -> None:
        self.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    def cut_connections(self) -> None:
        """As an administrator ends them: the server runs on."""
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def execute(self, statement: str) -> None:
        engine = sa.create_engine(sa.make_url(self.url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", self._data, *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        found = shutil.which(program)
        assert found is not None
        subprocess.run(
            [found, *arguments], check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **self._run_as,
        )  # fmt: skip


def url_of(folder: Path) -> str:
    """The URL of the server whose socket is in this folder."""
    return f"postgresql://tester@/postgres?host={folder}"


def programs_missing() -> str:
    """Why no server can be started here, as a sentence; empty when one can."""
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    return f"{', '.join(missing)} not on PATH" if missing else ""


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server that runs. Skips the test where its programs are not installed."""
    pytest.importorskip("psycopg")
    if missing := programs_missing():
        pytest.skip(missing)
    with started_postgres() as server:
        yield server


@contextmanager
def started_postgres(*, syncs: bool = False, connections: int = 60) -> Iterator[PostgresServer]:
    """A server that runs as long as the block, and may be stopped in it."""
    with short_folder() as folder:
        server = PostgresServer(folder, syncs=syncs, connections=connections)
        server.start()
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):  # it is stopped already
                server.stop("immediate")


@contextmanager
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
