"""Tokens of original agents, and the keys that they get with their tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("is_agent", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("tokens", sa.Column("task_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_tokens_task_id", "tokens", ["task_id"])
