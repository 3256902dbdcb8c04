"""The installation that every task and command works in: store, artifacts, settings, engines."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.artifacts import open_artifacts
from agent.engines import ATTEMPT_LABEL, TASK_LABEL
from agent.errors import StorageFailed
from agent.fs.atomic import write_atomically
from agent.fs.durable import make_folder
from agent.fs.half_made import HALF, HalfMade
from agent.fs.refusals import reason_of, remedy_for
from agent.notify import Outbox

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.domain import Task
    from agent.engines import Engine
    from agent.settings import Settings
    from agent.store import Store

START_SHARE = 1.1  # of AGENT_MIN_FREE must be free for a start: else the first line of a task would end it
NODE_FILE = "node.json"  # in the home
ECOSYSTEM = "supervisely"  # the label by which the original agent finds its own containers


def _open_engine(name: str, settings: Settings) -> Engine:
    from agent.engines.open import open_engine  # late: most commands need no engine, and its client is slow to import

    return open_engine(name, settings)


@dataclass(frozen=True, slots=True)
class Installation:
    """Opened once for a process and shared by it. Tests may replace `open_engine(name, settings)`."""

    store: Store
    artifacts: Artifacts
    settings: Settings
    open_engine: Callable[[str, Settings], Engine] = _open_engine
    outbox: Outbox = field(default_factory=Outbox)  # of messages to people


def node_of(settings: Settings) -> str:
    """The id of this installation's node, which all agents of this home share. Made once. Raises StorageFailed."""
    file = settings.home / NODE_FILE
    try:
        if not file.exists():
            make_folder(settings.home, mode=0o700)
            with suppress(FileExistsError):  # another agent was quicker
                write_atomically(file, json.dumps({"id": uuid.uuid4().hex}).encode(), replace=False)
        return _read_node(file)
    except OSError as error:
        raise StorageFailed(f"cannot make {file}: {reason_of(error)}. {remedy_for(error)}") from error


def known_node_of(settings: Settings) -> str:
    """As `node_of`, for those who only look; empty where no agent has run yet."""
    file = settings.home / NODE_FILE
    try:
        return _read_node(file)
    except (OSError, StorageFailed):
        return ""


def _read_node(file: Path) -> str:
    try:
        return str(json.loads(file.read_bytes())["id"])
    except (ValueError, KeyError, TypeError):
        raise StorageFailed(
            f"{file} does not hold the id of a node; delete it while no agent runs, and `agent node lost` ends the "
            "tasks of the node of before"
        ) from None


def artifacts_of(settings: Settings) -> Artifacts:
    """The artifacts of an installation, whose half-made things lie in its home. Raises StorageFailed."""
    return open_artifacts(
        settings.artifacts,
        cache_dir=settings.artifacts_cache,
        half_made=half_made_in(settings),
        cache_bytes=settings.cache_bytes,
        endpoint=settings.artifacts_endpoint,
    )


def half_made_in(settings: Settings) -> HalfMade:
    """The half-made things of an installation. They leave START_SHARE of AGENT_MIN_FREE: tasks go on beside them."""
    artifacts = Path(settings.artifacts.removeprefix("file://"))
    keep_free_bytes = int(settings.min_free_bytes * START_SHARE)
    return HalfMade(settings.home / HALF, keep_free_bytes=keep_free_bytes, of=(settings.tasks, artifacts))


def container_labels(task: Task, settings: Settings) -> dict[str, str]:
    """The labels of a task's container, by which an agent finds it again after a crash."""
    return {**installation_labels(settings), TASK_LABEL: str(task.id), ATTEMPT_LABEL: str(task.attempt)}


def installation_labels(settings: Settings) -> dict[str, str]:
    """The labels of every container of this installation."""
    return {"ecosystem": ECOSYSTEM, "ecosystem_token": ecosystem_token(settings)}


def ecosystem_token(settings: Settings) -> str:
    """Tells this installation's containers from any other's on the same engine.

    The original hashes its agent token. Here the place of the task folders goes in as well: two
    installations may share a token and both have a task 1, but never a folder on the engine's host.
    """
    identity = f"{settings.token}\n{settings.tasks_on_host}"
    return f"{ECOSYSTEM}_{hashlib.sha256(identity.encode()).hexdigest()}"
