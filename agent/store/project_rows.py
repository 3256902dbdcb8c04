"""Rows of projects as values."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from agent.domain import Project
from agent.store.columns import from_json, from_json_or_none, from_us, from_us_or_none
from agent.store.words import tags_of


def project_of(row: sa.Row[Any]) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        description=row.description,
        meta=from_json(row.meta),
        content_sha256=row.content_sha256,
        images_count=row.images_count,
        size_bytes=row.size_bytes,
        task_id=row.task_id,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        extra=from_json_or_none(row.extra) or {},
        notes=row.notes,
        tags=tags_of(row.tags),
        deleted_at=from_us_or_none(row.deleted_us),
    )
