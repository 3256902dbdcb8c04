"""Runs revisions on the connection `migrate.py` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from agent.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
