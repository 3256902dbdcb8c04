"""Open what a command needs: settings, store, artifacts. Closed again when the command ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pydantic import ValidationError

from agent.artifacts import open_artifacts
from agent.errors import Invalid, Problem, StorageFailed
from agent.house import House
from agent.settings import Settings
from agent.store import open_store


def load_settings() -> Settings:
    """Settings from the environment and agent.toml. Raises Invalid naming every wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            Problem(
                "settings",
                f"AGENT_{'.'.join(str(part) for part in item['loc']).upper()}",
                f"{item['msg']} (got {item['input']!r}).",
                "See docs/reference/settings.md.",
            )
            for item in error.errors()
        ]
        raise Invalid("the configuration", problems) from None


@contextmanager
def open_house() -> Iterator[House]:
    """Settings, store and artifacts of this installation; its folder is made at first use."""
    settings = load_settings()
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageFailed(
            f"cannot make {settings.home}: {error.strerror}; set AGENT_HOME to a folder you may write to"
        ) from error
    store = open_store(settings.store)
    try:
        artifacts = open_artifacts(settings.artifacts)
        with suppress(StorageFailed):  # on a full disk one may still look around
            artifacts.used_by(store.name)  # whoever collects what nothing names has to know of us
        yield House(store, artifacts, settings)
    finally:
        store.close()


def spawn_agent(settings: Settings, task_id: int) -> None:
    """Start a process of its own for this one task; it outlives the terminal."""
    logs = settings.home / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / f"agent-task-{task_id}.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run", "--task", str(task_id)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "AGENT_HOME": str(settings.home)},
        )
