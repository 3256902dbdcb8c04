"""Containers of private installations, such as the check of a plugin has.

No other installation knows them. So the one that a private installation belongs to has a note of it: a file with its
labels, locked as long as the process lives that made it. A note that nobody holds is of a process that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.fs.durable import make_folder
from agent.installation import installation_labels
from agent.maintenance.removable import Removable

if TYPE_CHECKING:
    from agent.engines import Container, Engine
    from agent.settings import Settings


@contextmanager
def noted(settings: Settings, private: Settings) -> Iterator[None]:
    """Hold a note of the private installation. Its containers are gone when the block ends. Raises OSError."""
    folder = _notes(settings)
    make_folder(folder, mode=0o700)
    note = folder / f"{uuid.uuid4().hex}.json"
    held = os.open(note, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        os.write(held, json.dumps(installation_labels(private)).encode())
        os.fsync(held)
        yield
    finally:
        note.unlink(missing_ok=True)
        os.close(held)


def find_left(settings: Settings, engines: Sequence[Engine]) -> Iterator[Removable]:
    """The containers of private installations whose process has died. The note goes with the last of them."""
    for note in _notes(settings).glob("*.json"):
        labels = _labels_if_left(note)
        if labels is None:
            continue
        found: list[Container] = []
        asked = 0
        for engine in engines:
            with suppress(AgentError):
                found += engine.find(labels, unstarted=True)
                asked += 1
        for container in found:
            why = "the check of a plugin that ran it was killed"
            yield Removable("container", container.id[:12], why, 0, None, container.remove)
        if not found and asked == len(engines):
            note.unlink(missing_ok=True)


def _labels_if_left(note: Path) -> dict[str, str] | None:
    """None while a process holds the note, and for one that says nothing."""
    try:
        opened = os.open(note, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        labels = json.loads(os.read(opened, 1 << 16))
    except (OSError, ValueError):
        return None
    finally:
        os.close(opened)
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) and labels else None


def _notes(settings: Settings) -> Path:
    return settings.home / "private"
