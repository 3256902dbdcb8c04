"""Evaluations: predictions judged over a whole project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "evaluations",
        sa.Column("id", number, nullable=False),
        sa.Column("truth_project_id", number, nullable=False),
        sa.Column("predicted_project_id", number, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("model_id", sa.BigInteger(), nullable=True),
        sa.Column("images_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("images_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=True),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("controller", sa.Text(), nullable=True),
        sa.Column("controller_info", sa.Text(), nullable=True),
        sa.Column("seen_us", sa.BigInteger(), nullable=True),
        sa.Column("contents", sa.Text(), nullable=True),
        sa.Column("headline", sa.Text(), nullable=True),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("remarks", sa.Text(), nullable=True),
        sa.Column("figures", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('queued', 'running', 'done', 'error')", name=op.f("ck_evaluations_status")),
        sa.ForeignKeyConstraint(
            ["truth_project_id"], ["projects.id"], name=op.f("fk_evaluations_truth_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["predicted_project_id"],
            ["projects.id"],
            name=op.f("fk_evaluations_predicted_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
        sa.UniqueConstraint(
            "truth_project_id",
            "predicted_project_id",
            "key",
            name=op.f("uq_evaluations_truth_project_id_predicted_project_id_key"),
        ),
        sqlite_autoincrement=True,
    )
    for name in ("predicted_project_id", "key", "task_id", "model_id"):
        op.create_index(f"ix_evaluations_{name}", "evaluations", [name])
    op.create_index("ix_evaluations_status_id", "evaluations", ["status", "id"])
    op.create_table(
        "evaluation_parts",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", "number", name=op.f("pk_evaluation_parts")),
    )
