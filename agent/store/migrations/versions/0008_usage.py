"""What tasks use of their machine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("task_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("cpu_percent", sa.Float(53), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("processes", sa.BigInteger(), nullable=True),
        sa.Column("received_per_s", sa.Float(53), nullable=True),
        sa.Column("sent_per_s", sa.Float(53), nullable=True),
        sa.Column("read_per_s", sa.Float(53), nullable=True),
        sa.Column("written_per_s", sa.Float(53), nullable=True),
        sa.Column("gpu_percent", sa.Float(53), nullable=True),
        sa.Column("gpu_memory_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_usage_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "time_us", name=op.f("pk_usage")),
        sqlite_with_rowid=False,
    )
