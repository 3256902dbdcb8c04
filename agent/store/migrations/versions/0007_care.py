"""Notes, tags and the trash for every noun, the archive of tasks; ids of plugins that are never used twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("projects", "models", "tasks"):
        op.add_column(table, sa.Column("notes", sa.Text(), nullable=False, server_default=sa.text("''")))
        op.add_column(table, sa.Column("tags", sa.Text(), nullable=False, server_default=sa.text("''")))
    for table in ("projects", "tasks", "plugins"):
        op.add_column(table, sa.Column("deleted_us", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("archived_us", sa.BigInteger(), nullable=True))
    op.create_index("ix_tasks_deleted_us_archived_us_status", "tasks", ["deleted_us", "archived_us", "status"])
    if op.get_bind().dialect.name == "sqlite":
        _number_plugins_once()


def _number_plugins_once() -> None:
    """SQLite gives the largest id away again unless the table was made with AUTOINCREMENT; PostgreSQL never does.

    Tasks refer to plugins: the references are open between the two tables, so they are checked at the commit.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE plugins_before AS SELECT * FROM plugins")
    op.execute("DELETE FROM plugins")
    op.drop_table("plugins")
    text = ("title", "description", "type", "image", "tag", "modes", "readme", "configs")
    op.create_table(
        "plugins",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in text),
        sa.Column("image_digest", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.String(64), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("deleted_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugins")),
        sa.UniqueConstraint("image", "tag", name=op.f("uq_plugins_image_tag")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO plugins SELECT * FROM plugins_before")
    op.drop_table("plugins_before")
