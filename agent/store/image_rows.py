"""Rows of images as values, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from agent.domain import Image, NewImage
from agent.store.bulk import BulkInsert
from agent.store.columns import clean, from_json_or_none, from_us, to_json_or_none
from agent.store.connect import Database
from agent.store.schema import images

_IMAGE_COLUMNS = (
    "dataset_id",
    "name",
    "sha256",
    "size_bytes",
    "width",
    "height",
    "mime",
    "created_us",
    "updated_us",
    "annotation",
    "meta",
)


class ImageFile(NamedTuple):
    """What is needed of an image to write its files."""

    name: str
    sha256: str
    size_bytes: int
    width: int
    height: int
    mime: str
    annotation: str


def insert_images(database: Database) -> BulkInsert:
    """The statement that takes the values of `image_row`, row after row."""
    return BulkInsert(database, images, _IMAGE_COLUMNS)


def image_row(dataset_id: int, image: NewImage, now: int) -> tuple[Any, ...]:
    return (
        dataset_id,
        clean(image.name),
        image.sha256,
        image.size_bytes,
        image.width,
        image.height,
        image.mime,
        now,
        now,
        clean(image.annotation),
        to_json_or_none(image.meta),
    )


def image_of(row: sa.Row[Any]) -> Image:
    return Image(
        id=row.id,
        dataset_id=row.dataset_id,
        name=row.name,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        width=row.width,
        height=row.height,
        mime=row.mime,
        annotation=row.annotation,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        meta=from_json_or_none(row.meta),
    )
