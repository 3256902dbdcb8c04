"""Indexes by what rows refer to, so that a row is deleted without a walk over those that may refer to it."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXED = (
    ("projects", "task_id"),
    ("tasks", "plugin_id"),
    ("tasks", "project_id"),
    ("tasks", "model_id"),
    ("tasks", "result_project_id"),
    ("config_values", "task_id"),
    ("checkpoints", "model_id"),
)


def upgrade() -> None:
    for table, column in _INDEXED:
        op.create_index(f"ix_{table}_{column}", table, [column])
