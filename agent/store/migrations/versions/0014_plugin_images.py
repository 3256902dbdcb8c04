"""Where the images of plugins can be had: by digest in a registry, or as blobs of the artifacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plugins", sa.Column("pushed", sa.Text(), nullable=True))
    op.add_column("plugins", sa.Column("kept_bytes", sa.BigInteger(), nullable=True))
    op.create_table(
        "plugin_blobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plugin_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plugin_id"], ["plugins.id"], name=op.f("fk_plugin_blobs_plugin_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_blobs")),
        sa.UniqueConstraint("plugin_id", "number", name=op.f("uq_plugin_blobs_plugin_id_number")),
    )
    op.create_index("ix_plugin_blobs_sha256", "plugin_blobs", ["sha256"])
