"""An SQLite file is for the agents of one machine: its locks and its write-ahead log do not reach to another."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.errors import StorageFailed
from agent.liveness import SEEN_WITHIN, boot_of, this_process
from agent.store import sqlite_file

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.store import AgentRow


def require_one_machine(installation: Installation) -> None:
    """Raises StorageFailed where an agent of another machine uses the same SQLite file."""
    try:
        file = sqlite_file(installation.settings.store)
    except StorageFailed:  # a server's
        return
    here = boot_of(this_process()["machine"])
    if (other := elsewhere(installation.store.agents.list(), here, os.uname().nodename)) is not None:
        raise StorageFailed(
            f"the database {file} is used by agent {other.name} of another machine ({other.info['host']}), but an "
            "SQLite file is for one machine only, because its locks do not reach to another; "
            "give the agents of both a postgresql:// AGENT_STORE_URL"
        )


def elsewhere(agents: Iterable[AgentRow], boot: str, host: str) -> AgentRow | None:
    """An agent that beats on another machine than this one. Pure.

    Containers of one host have its boot in common; a machine that was started again keeps its name.
    """
    for agent in agents:
        theirs = boot_of(str(agent.info.get("machine") or ""))
        is_known = bool(boot and theirs and agent.info.get("host"))
        is_elsewhere = is_known and theirs != boot and agent.info["host"] != host
        if is_elsewhere and not agent.info.get("left") and agent.unseen_for < SEEN_WITHIN:
            return agent
    return None
