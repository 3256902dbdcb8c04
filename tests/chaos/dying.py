"""An agent that kills itself at the Nth instant: `python -m tests.chaos.dying TASK N`, settings from the environment.

An instant is whatever other processes could notice: a commit to the database, just before and just after; a file
or folder opened for writing, renamed, linked, deleted; a process started. Without N (0) it lives and prints how
many there were.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

NOTICED = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "shutil.rmtree", "shutil.copytree", "shutil.copyfile", "subprocess.Popen", "socket.connect",
}  # fmt: skip


class Instants:
    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last
        self._lock = threading.Lock()

    def pass_one(self) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in NOTICED or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
            self.pass_one()


def main(task_id: int, last: int) -> None:
    from agent.cli.house import open_house
    from agent.loop import run_one
    from agent.store.connect import Database

    instants = Instants(last)
    with open_house() as house:
        sys.addaudithook(instants.on_audit)
        writing = Database.writing

        @contextmanager
        def noticed(self: Database) -> Iterator[sa.Connection]:
            with writing(self) as connection:
                yield connection
                instants.pass_one()
            instants.pass_one()

        Database.writing = noticed  # type: ignore[method-assign]
        run_one(house, task_id, threading.Event())
    print(instants.count)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
