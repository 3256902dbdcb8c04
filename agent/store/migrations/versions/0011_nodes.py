"""Nodes, the attempts of a task, and what a task needs of a node. Heartbeats are watched, so leases have no end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
    )
    op.create_table(
        "attempts",
        sa.Column("task_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("started_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_attempts_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.add_column("plugins", sa.Column("node", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("node", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("attempt", sa.Integer(), server_default="1", nullable=False))
    op.add_column("tasks", sa.Column("needs", sa.Text(), nullable=True))
    op.drop_column("tasks", "lease_until_us")
    op.drop_column("studies", "lease_until_us")
    op.add_column("studies", sa.Column("seen_us", sa.BigInteger(), nullable=True))
