"""An agent that dies or is stopped at the Nth instant of its run: `python -m tests.chaos.dying TASK N HOW`.

HOW is `kill` (this process, at once), `stop` (the task, as a user), `shutdown` (the agent stops the task and ends) or
`leave` (the agent ends and the task goes on). Settings come from the environment. An instant is an action that other
processes can notice: a commit to the database, just before and just after; opening a file or folder for writing,
renaming, linking or deleting it; starting a process. With N = 0 nothing happens. An agent that lives prints the number
of instants.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

NOTICED = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "shutil.rmtree", "shutil.copytree", "shutil.copyfile", "subprocess.Popen", "socket.connect",
}  # fmt: skip


class Instants:
    def __init__(self, at: int, act: Callable[[], object]) -> None:
        self.count = 0
        self._at = at
        self._act = act
        self._lock = threading.Lock()

    def pass_one(self) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._at:
                self._act()

    def on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in NOTICED or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
            self.pass_one()


def main(task_id: int, at: int, how: str) -> None:
    from agent.cli.installation import open_installation
    from agent.run.shutdown import Shutdown
    from agent.store.connect import Database
    from agent.worker.loop import run_one

    shutdown = Shutdown()
    with open_installation() as installation:
        # In a thread of its own, because the instant may be within a transaction.
        stop = threading.Thread(target=installation.store.tasks.request_stop, args=(task_id,))
        acts: dict[str, Callable[[], object]] = {
            "kill": partial(os.kill, os.getpid(), signal.SIGKILL),
            "stop": stop.start,
            "shutdown": shutdown.stop_tasks,
            "leave": shutdown.leave,
        }
        instants = Instants(at, acts[how])
        sys.addaudithook(instants.on_audit)
        writing = Database.writing

        @contextmanager
        def noticed(self: Database, **how: Any) -> Iterator[sa.Connection]:
            with writing(self, **how) as connection:
                yield connection
                instants.pass_one()
            instants.pass_one()

        Database.writing = noticed  # type: ignore[method-assign]
        run_one(installation, task_id, shutdown)
        if stop.ident is not None:
            stop.join()
    print(instants.count)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
