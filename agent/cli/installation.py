"""Open the installation for a command: settings, store, artifacts. Closed when the command ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import StorageFailed, StoreAway
from agent.fs.durable import make_folder
from agent.fs.names import visible
from agent.fs.refusals import reason_of, remedy_for
from agent.installation import Installation, artifacts_of

if TYPE_CHECKING:
    from pathlib import Path

    from agent.settings import Settings
    from agent.store import Store

# The database layer and the settings take most of a second to import. They are imported late, so that help and the
# completion of a word in the shell do not wait for them.


def load_settings(*, remark: bool = True) -> Settings:
    """Settings from the environment and agent.toml. Raises Invalid naming everything wrong in them.

    Variables that name no setting are remarked upon on standard error, unless a parent has done so.
    """
    from agent.configuration import read_configuration

    configuration = read_configuration()
    if remark:
        for unknown in configuration.remarks:
            sys.stderr.write(f"agent: {visible(str(unknown))}\n")
    return configuration.valid()


@contextmanager
def open_installation(*, remark: bool = True, waits: bool = False) -> Iterator[Installation]:
    """Settings, store and artifacts of this installation. Its folder is made at first use. See `load_settings`.

    With `waits`, for processes that serve, a database server that is away is waited for: it may start with them.
    """
    from agent.fs.open_files import raise_open_files_limit

    raise_open_files_limit()
    settings = load_settings(remark=remark)
    try:
        make_folder(settings.home, mode=0o700)
    except OSError as error:
        raise StorageFailed(
            f"cannot make the home {settings.home}: {reason_of(error)}. {remedy_for(error)} AGENT_HOME sets the home."
        ) from error
    store = _open_store(settings.store, waits=waits)
    try:
        artifacts = artifacts_of(settings)
        with suppress(StorageFailed):  # a full disk can still be read
            artifacts.used_by(store.name)  # the collection of unnamed blobs asks for all stores
        yield Installation(store, artifacts, settings)
    finally:
        store.close()


def _open_store(place: str | Path, *, waits: bool) -> Store:
    from agent.patience import pauses
    from agent.store import open_store
    from agent.store.outage import Outage

    outage = Outage()
    for pause_s in pauses():
        try:
            store = open_store(place)
        except StoreAway as away:
            if not waits:
                raise
            outage.noticed(away)
            time.sleep(pause_s)
        else:
            outage.ended()
            return store
    raise AssertionError("pauses never end")


def spawn_agent(settings: Settings, task_id: int) -> None:
    """Start an agent for this task alone, in a process that outlives the terminal."""
    from agent.configuration import restrict_to_known

    logs = settings.home / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / f"agent-task-{task_id}.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run", "--task", str(task_id)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**restrict_to_known(os.environ), "AGENT_HOME": str(settings.home)},
        )
