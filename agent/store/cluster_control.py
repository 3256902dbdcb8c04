"""Which process places tasks on a cluster: at most one, and only it may change the placements there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.errors import Conflict
from agent.store.columns import from_json_or_none, from_us_or_none
from agent.store.connect import Database
from agent.store.lease import Lease
from agent.store.schema import clusters


@dataclass(frozen=True, slots=True)
class ClusterRow:
    name: str
    controller: str | None  # the process that places tasks there, or did when it died
    controller_info: Mapping[str, Any]  # as `liveness.this_process` describes it
    seen_at: datetime | None  # its last heartbeat, by the database's clock


class ClusterControl:
    """The part of `Placements` about controllers."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lease = Lease(database, clusters, lost_control, key="name")

    def cluster(self, name: str) -> ClusterRow:
        """Without a controller for a cluster that no process has placed tasks on yet."""
        with self._db.reading() as connection:
            row = connection.execute(sa.select(clusters).where(clusters.c.name == name)).first()
        if row is None:
            return ClusterRow(name, None, {}, None)
        info = from_json_or_none(row.controller_info) or {}
        return ClusterRow(name, row.controller, info, from_us_or_none(row.seen_us))

    def control(self, name: str, controller: str, info: Mapping[str, Any], *, instead_of: str | None) -> bool:
        """Become the controller. `instead_of` was seen there and is dead; False when it is another by now.

        May be called again by one whose answer was lost.
        """
        with self._db.writing() as connection:
            connection.execute(self._db.insert(clusters).values(name=name).on_conflict_do_nothing())
            return self._lease.take(connection, name, controller, info, instead_of=instead_of)

    def beat(self, name: str, controller: str) -> None:
        """Conflict when another process controls the cluster."""
        self._lease.beat(name, controller)

    def release(self, name: str, controller: str) -> None:
        with self._db.writing() as connection:
            self._lease.release(connection, name, controller)


def require_control(connection: sa.Connection, name: str, controller: str) -> None:
    """Hold the control until the transaction ends. Conflict when another process controls the cluster."""
    mine = sa.select(clusters.c.name).where(clusters.c.name == name, clusters.c.controller == controller)
    if connection.execute(mine.with_for_update()).first() is None:
        raise lost_control(name)


def lost_control(name: str) -> Conflict:
    return Conflict(f"Another process places tasks on the cluster {name} by now, and goes on with them.")
