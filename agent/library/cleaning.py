"""What knows the secrets of an installation and of a task, for what leaves the machine: bug reports and recordings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.installation import ecosystem_token
from agent.library.secrets import Cleaner, secrets_in, secrets_of_url
from agent.notify import secrets_of

if TYPE_CHECKING:
    from agent.domain import Task
    from agent.settings import Settings


def cleaner(settings: Settings, task: Task, environment: Mapping[str, str]) -> Cleaner:
    """Knows the secrets of this installation, of this process's environment and of this task."""
    own = [settings.token, _web_token(settings), ecosystem_token(settings)]
    urls = [settings.store_url, settings.artifacts_url, settings.artifacts_endpoint]
    given = [value for value in task.options.env.values() if len(value) >= 6]  # a shorter one is in every text
    own += secrets_of(settings.notify)
    known = [*own, *(s for url in urls for s in secrets_of_url(url)), *secrets_in(environment)]
    known += [*given, *secrets_in(task.options.env)]
    return Cleaner(filter(None, known), homes=[str(Path.home())])


def _web_token(settings: Settings) -> str:
    """The token that the web has made for itself; empty without one."""
    with suppress(OSError, UnicodeDecodeError):
        return (settings.home / "token").read_text().strip()
    return ""
