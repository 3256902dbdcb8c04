"""What a project and its datasets say of their images: how many, how large, changed when. Kept up to date here."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from agent.errors import NotFound
from agent.store.columns import now_us
from agent.store.schema import datasets, images, projects


def project_of_dataset(connection: sa.Connection, id_: int) -> int:
    found: int | None = connection.execute(
        sa.select(datasets.c.project_id).where(datasets.c.id == id_).with_for_update()
    ).scalar()
    if found is None:
        raise NotFound(f"There is no dataset {id_}.")
    return found


@dataclass(frozen=True, slots=True)
class ImageCounts:
    count: int
    size_bytes: int


def count_images(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> ImageCounts:
    found = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(images.c.size_bytes), 0)).where(condition)
    count, size_bytes = connection.execute(found).one()
    return ImageCounts(int(count), int(size_bytes))


def note_change(
    connection: sa.Connection, project_id: int, dataset_id: int | None = None, *, count: int = 0, size_bytes: int = 0
) -> None:
    """Bring counts, times and content hash up to date after a change by so many images and bytes."""
    now = now_us()
    if dataset_id is not None:
        connection.execute(
            sa.update(datasets)
            .where(datasets.c.id == dataset_id)
            .values(images_count=datasets.c.images_count + count, updated_us=now)
        )
    connection.execute(
        sa.update(projects)
        .where(projects.c.id == project_id)
        .values(
            images_count=projects.c.images_count + count,
            size_bytes=projects.c.size_bytes + size_bytes,
            content_sha256="",
            updated_us=now,
        )
    )
