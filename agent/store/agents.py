"""Agents and their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL
from agent.store.columns import clean, from_json, from_us, now_us, to_json
from agent.store.connect import Database
from agent.store.schema import agents, tasks
from agent.store.task_claims import renewal


@dataclass(frozen=True, slots=True)
class AgentRow:
    id: str
    name: str
    info: Mapping[str, Any]
    last_seen: datetime


class Agents:
    def __init__(self, database: Database) -> None:
        self._db = database

    def beat(self, agent_id: str, name: str, info: Mapping[str, Any], *, lease_s: float | None = None) -> None:
        """This agent is alive now. With `lease_s` it keeps its tasks so long, and wakes no reader on a server."""
        said = {"name": clean(name), "info": to_json(info), "last_seen_us": now_us()}
        insert = self._db.insert(agents).values(id=agent_id, **said)
        with self._db.writing(durable=False, wakes=lease_s is None) as connection:
            if lease_s is not None:
                connection.execute(renewal(agent_id, lease_s))
            connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=said))

    def leave(self, agent_id: str) -> None:
        """This agent has ended in good order."""
        with self._db.writing(durable=False) as connection:
            connection.execute(sa.delete(agents).where(agents.c.id == agent_id))

    def forget(self, *, unseen_for: timedelta) -> int:
        """Unlist agents that were not seen for so long and hold no task; how many."""
        before_us = now_us() - int(unseen_for.total_seconds() * 1_000_000)
        holding = sa.select(tasks.c.agent_id).where(
            tasks.c.agent_id.is_not(None), tasks.c.status.not_in([status.value for status in FINAL])
        )
        with self._db.writing(durable=False) as connection:
            gone = sa.delete(agents).where(agents.c.last_seen_us < before_us, agents.c.id.not_in(holding))
            return connection.execute(gone).rowcount

    def list(self) -> list[AgentRow]:
        """The agent seen last comes first."""
        found = sa.select(agents).order_by(agents.c.last_seen_us.desc(), agents.c.id)
        with self._db.reading() as connection:
            return [
                AgentRow(row.id, row.name, from_json(row.info), from_us(row.last_seen_us))
                for row in connection.execute(found)
            ]
