"""Alembic revisions of the store. `agent/store/migrate.py` runs them; there is no alembic.ini."""
