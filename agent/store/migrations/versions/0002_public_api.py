"""What clients of the public API say beyond what files hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("extra", sa.Text(), nullable=True))
    op.add_column("datasets", sa.Column("description", sa.Text(), nullable=True))
    op.add_column("images", sa.Column("meta", sa.Text(), nullable=True))
    op.create_index("ix_images_dataset_id_name", "images", ["dataset_id", "name"])
    op.add_column("models", sa.Column("upload_hash", sa.Text(), nullable=True))
    op.create_index("ix_models_upload_hash", "models", ["upload_hash"], unique=True)
