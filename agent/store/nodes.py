"""Nodes: homes of agents, each on one machine. What a node has launched, no other node can see."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from agent.errors import Conflict, NotFound
from agent.store.columns import clean, from_us, now_us
from agent.store.connect import Database
from agent.store.schema import nodes, plugins, tasks
from agent.store.task_claims import LIVE


@dataclass(frozen=True, slots=True)
class NodeRow:
    id: str
    name: str  # AGENT_NAME of its newest agent
    created_at: datetime

    @property
    def short_id(self) -> str:
        return self.id[:8]


class Nodes:
    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, id: str, name: str) -> None:  # noqa: A002
        """Make the node known, or give it this name."""
        insert = self._db.insert(nodes).values(id=id, name=clean(name), created_us=now_us())
        put = insert.on_conflict_do_update(index_elements=["id"], set_={"name": clean(name)})
        with self._db.writing() as connection:
            connection.execute(put)

    def list(self) -> builtins.list[NodeRow]:
        """By name."""
        with self._db.reading() as connection:
            found = connection.execute(sa.select(nodes).order_by(nodes.c.name, nodes.c.id))
            return [NodeRow(row.id, row.name, from_us(row.created_us)) for row in found]

    def names(self) -> dict[str, str]:
        """Id → name."""
        return {node.id: node.name for node in self.list()}

    def find(self, reference: str) -> NodeRow:
        """By name, by id or by the beginning of the id. NotFound; Conflict when several fit."""
        known = self.list()
        found = [node for node in known if node.name == reference] or [
            node for node in known if reference and node.id.startswith(reference)
        ]
        if not found:
            names = ", ".join(sorted({node.name for node in known})) or "none yet"
            raise NotFound(f"There is no node {reference!r}; the nodes are: {names}. See `agent node list`.")
        if len(found) > 1:
            choices = ", ".join(f"{node.name} ({node.short_id})" for node in found)
            raise Conflict(f"Several nodes fit {reference!r}: {choices}. Give the beginning of one's id.")
        return found[0]

    def running(self) -> dict[str, int]:
        """Node → the number of its tasks that have not ended."""
        counted = sa.select(tasks.c.node, sa.func.count()).where(tasks.c.status.in_(LIVE), tasks.c.node.is_not(None))
        with self._db.reading() as connection:
            return {node: count for node, count in connection.execute(counted.group_by(tasks.c.node))}  # noqa: C416

    def forget_all(self) -> None:
        """After a restore: the store has a new home, and nothing in it is bound to the homes of before."""
        with self._db.writing() as connection:
            connection.execute(sa.delete(nodes))
            connection.execute(sa.update(plugins).values(node=None))
            connection.execute(sa.update(tasks).where(tasks.c.status.in_(LIVE)).values(node=None))
