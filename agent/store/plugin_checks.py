"""The certificates of plugins: what `agent plugin check` said last of each (docs/reference/plugin-check.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.errors import NotFound
from agent.store.columns import from_json, from_us, now_us, to_json
from agent.store.connect import Database
from agent.store.schema import plugin_checks


@dataclass(frozen=True, slots=True)
class PluginCheck:
    plugin_id: int
    checked_at: datetime
    certificate: Mapping[str, Any]


class PluginChecks:
    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, plugin_id: int, certificate: Mapping[str, Any]) -> None:
        """Keep the certificate of a plugin in place of the one before. The plugin is in the store."""
        said = {"checked_us": now_us(), "certificate": to_json(certificate)}
        insert = self._db.insert(plugin_checks).values(plugin_id=plugin_id, **said)
        with self._db.writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["plugin_id"], set_=said))

    def find(self, plugin_id: int) -> PluginCheck | None:
        """None for a plugin that was not checked."""
        found = sa.select(plugin_checks).where(plugin_checks.c.plugin_id == plugin_id)
        with self._db.reading() as connection:
            row = connection.execute(found).first()
        return None if row is None else PluginCheck(plugin_id, from_us(row.checked_us), from_json(row.certificate))

    def get(self, plugin_id: int) -> PluginCheck:
        """NotFound."""
        if (found := self.find(plugin_id)) is None:
            raise NotFound(f"Plugin {plugin_id} was not checked yet; `agent plugin check FOLDER` does it.")
        return found
