"""Rows of models as values, and back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from agent.domain import Model, NewModel, Provenance
from agent.store.columns import clean, from_json_or_none, from_us, from_us_or_none, now_us, to_json_or_none
from agent.store.schema import models
from agent.store.words import tags_of


def model_of(row: sa.Row[Any]) -> Model:
    return Model(
        id=row.id,
        name=row.name,
        description=row.description,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        config=from_json_or_none(row.config),
        only_train=row.only_train,
        provenance=Provenance(
            task_id=row.task_id,
            checkpoint_index=row.checkpoint_index,
            is_best=row.is_best,
            optional=from_json_or_none(row.optional),
            plugin_id=row.plugin_id,
            plugin_image=row.plugin_image,
            image_digest=row.image_digest,
            project_id=row.project_id,
            parent_model_id=row.parent_model_id,
            train_config=from_json_or_none(row.train_config),
        ),
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        upload_hash=row.upload_hash,
        pinned=row.pinned,
        deleted_at=from_us_or_none(row.deleted_us),
        notes=row.notes,
        tags=tags_of(row.tags),
    )


def insert_model(connection: sa.Connection, new: NewModel, upload_hash: str | None = None) -> Model:
    """Add a model inside a transaction that may have more to do."""
    origin, now = new.provenance, now_us()
    row = connection.execute(
        sa.insert(models)
        .values(
            name=clean(new.name),
            description=clean(new.description),
            sha256=new.sha256,
            size_bytes=new.size_bytes,
            config=to_json_or_none(new.config),
            only_train=new.only_train,
            task_id=origin.task_id,
            checkpoint_index=origin.checkpoint_index,
            is_best=origin.is_best,
            optional=to_json_or_none(origin.optional),
            plugin_id=origin.plugin_id,
            plugin_image=origin.plugin_image,
            image_digest=origin.image_digest,
            project_id=origin.project_id,
            parent_model_id=origin.parent_model_id,
            train_config=to_json_or_none(origin.train_config),
            created_us=now,
            updated_us=now,
            upload_hash=upload_hash,
        )
        .returning(*models.c)
    ).one()
    return model_of(row)
