"""Agents and their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from agent.domain import FINAL
from agent.store.clock import age, age_us, clock_us
from agent.store.columns import clean, from_json, from_us, to_json
from agent.store.connect import Database
from agent.store.schema import agents, tasks
from agent.store.task_claims import LIVE, may_be_taken_over


@dataclass(frozen=True, slots=True)
class AgentRow:
    id: str
    name: str
    info: Mapping[str, Any]
    last_seen: datetime  # by the clock of the store, as the age is; who watches heartbeats looks whether it changes
    unseen_for: timedelta = timedelta()

    @property
    def node(self) -> str | None:
        """The id of its node; None for agents of older releases."""
        return self.info.get("node") or None


class Agents:
    def __init__(self, database: Database) -> None:
        self._db = database

    def beat(self, agent_id: str, name: str, info: Mapping[str, Any]) -> None:
        """This agent is alive now, and readers are woken: what it says of itself may be new."""
        with self._db.writing(durable=False) as connection:
            connection.execute(self._beat(agent_id, name, info))

    def beat_and_watch(self, agent_id: str, name: str, info: Mapping[str, Any], *, node: str) -> dict[str, datetime]:
        """As `beat`, without waking readers. The last beats of the agents whose tasks this node could take over.

        Those are few, however many agents there are: what another node has launched stays there.
        """
        may = sa.select(tasks.c.agent_id).where(tasks.c.status.in_(LIVE), may_be_taken_over(node))
        watched = sa.select(agents.c.id, agents.c.last_seen_us).where(agents.c.id.in_(may))
        with self._db.writing(durable=False, wakes=False) as connection:
            connection.execute(self._beat(agent_id, name, info))
            return {row.id: from_us(row.last_seen_us) for row in connection.execute(watched)}

    def _beat(self, agent_id: str, name: str, info: Mapping[str, Any]) -> Any:
        said = {"name": clean(name), "info": to_json(info), "last_seen_us": clock_us(self._db)}
        insert = self._db.insert(agents).values(id=agent_id, **said)
        return insert.on_conflict_do_update(index_elements=["id"], set_=said)

    def leave(self, agent_id: str) -> None:
        """This agent has ended in good order."""
        with self._db.writing(durable=False) as connection:
            connection.execute(sa.delete(agents).where(agents.c.id == agent_id))

    def forget(self, *, unseen_for: timedelta) -> int:
        """Unlist agents that were not seen for so long and hold no task; how many."""
        most_us = int(unseen_for.total_seconds() * 1_000_000)
        holding = sa.select(tasks.c.agent_id).where(
            tasks.c.agent_id.is_not(None), tasks.c.status.not_in([status.value for status in FINAL])
        )
        unseen = age_us(self._db, agents.c.last_seen_us) > most_us
        with self._db.writing(durable=False) as connection:
            return connection.execute(sa.delete(agents).where(unseen, agents.c.id.not_in(holding))).rowcount

    def list(self) -> list[AgentRow]:
        """The agent seen last comes first."""
        unseen = age_us(self._db, agents.c.last_seen_us).label("unseen_us")
        found = sa.select(agents, unseen).order_by(agents.c.last_seen_us.desc(), agents.c.id)
        with self._db.reading() as connection:
            return [
                AgentRow(row.id, row.name, from_json(row.info), from_us(row.last_seen_us), age(row.unseen_us))
                for row in connection.execute(found)
            ]
