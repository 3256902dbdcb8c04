"""Images of the library changed piece by piece, and found in pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from agent.domain import Image, NewImage
from agent.errors import Conflict, NotFound
from agent.store.columns import clean, now_us, to_json_or_none
from agent.store.connect import Database
from agent.store.projects import image_of, image_row, insert_images
from agent.store.schema import datasets, images, projects

SortBy = Literal["id", "name", "created", "updated", "size", "width", "height"]
_SORT = {
    "id": images.c.id,
    "name": images.c.name,
    "created": images.c.created_us,
    "updated": images.c.updated_us,
    "size": images.c.size_bytes,
    "width": images.c.width,
    "height": images.c.height,
}
_MANY = 500  # ids in one statement


class NamesTaken(Conflict):
    """Images of these names are in the dataset already; `taken` has their ids."""

    reason = "names_taken"

    def __init__(self, sentence: str, taken: Mapping[str, int]) -> None:
        super().__init__(sentence)
        self.taken = dict(taken)


class ImageEdits:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._insert_images = insert_images(database)

    def add_images(self, dataset_id: int, new: Sequence[NewImage]) -> list[Image]:
        """All of them or none, in the order given. NamesTaken when names are in the dataset; Conflict for twins."""
        now = now_us()
        names = [clean(image.name) for image in new]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Conflict(f"Image name {twice!r} comes twice.")
        with self._db.writing() as connection:
            project_id = project_of_dataset(connection, dataset_id)
            taken: dict[str, int] = {}
            for some in _portions(names):
                known = sa.select(images.c.name, images.c.id)
                known = known.where(images.c.dataset_id == dataset_id, images.c.name.in_(some))
                taken |= {row.name: row.id for row in connection.execute(known)}
            if taken:
                more = f" and {len(taken) - 1} more of these names" if len(taken) > 1 else ""
                raise NamesTaken(f"Dataset {dataset_id} has an image {min(taken)!r} already{more}.", taken)
            before = connection.execute(sa.select(sa.func.max(images.c.id))).scalar() or 0
            self._insert_images.run(connection, [value for image in new for value in image_row(dataset_id, image, now)])
            size_bytes = sum(image.size_bytes for image in new)
            note_change(connection, project_id, dataset_id, count=len(new), size_bytes=size_bytes)
            added = sa.select(images).where(images.c.dataset_id == dataset_id, images.c.id > before)
            return [image_of(row) for row in connection.execute(added.order_by(images.c.id))]

    def annotate(self, annotations: Mapping[int, str]) -> None:
        """Replace the annotations (JSON text) of images by id, all or none. NotFound names one that is not there."""
        with self._db.writing() as connection:
            self._annotate(connection, annotations)

    def reannotate(self, ids: Sequence[int], change: Callable[[Image], str]) -> None:
        """Give each image the annotation that `change` makes of it, all or none; no other change comes in between.

        NotFound names an image that is not there. What `change` raises is raised, and nothing is changed.
        """
        with self._db.writing() as connection:
            for some in _portions(sorted(set(ids))):
                rows = connection.execute(sa.select(images).where(images.c.id.in_(some)).with_for_update()).all()
                if missing := sorted(set(some) - {row.id for row in rows}):
                    raise NotFound(f"There is no image {missing[0]}.")
                self._annotate(connection, {row.id: change(image_of(row)) for row in rows})

    @staticmethod
    def _annotate(connection: sa.Connection, annotations: Mapping[int, str]) -> None:
        changed: set[tuple[int, int]] = set()
        for id_, text in annotations.items():
            row = connection.execute(
                sa.update(images)
                .where(images.c.id == id_)
                .values(annotation=clean(text), updated_us=now_us())
                .returning(images.c.dataset_id)
            ).first()
            if row is None:
                raise NotFound(f"There is no image {id_}.")
            changed.add((project_of_dataset(connection, row.dataset_id), row.dataset_id))
        for project_id, dataset_id in changed:
            note_change(connection, project_id, dataset_id)

    def edit_image(
        self,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Image:
        """Change what is given. NamesTaken when another image of the dataset has the name."""
        changed: dict[str, Any] = {"updated_us": now_us()}
        with self._db.writing() as connection:
            row = connection.execute(sa.select(images.c.dataset_id).where(images.c.id == id)).first()
            if row is None:
                raise NotFound(f"There is no image {id}.")
            if name is not None:
                same = sa.select(images.c.id).where(
                    images.c.dataset_id == row.dataset_id, images.c.name == clean(name), images.c.id != id
                )
                if (taken := connection.execute(same.limit(1)).scalar()) is not None:
                    raise NamesTaken(f"Dataset {row.dataset_id} has an image {name!r} already.", {name: taken})
                changed["name"] = clean(name)
            if meta is not None:
                changed["meta"] = to_json_or_none(meta)
            edited = connection.execute(
                sa.update(images).where(images.c.id == id).values(changed).returning(*images.c)
            ).one()
            note_change(connection, project_of_dataset(connection, row.dataset_id), row.dataset_id)
        return image_of(edited)

    def remove_images(self, ids: Collection[int]) -> None:
        """Forget images; those that are not there are no error."""
        with self._db.writing() as connection:
            for some in _portions(list(ids)):
                known = sa.select(images.c.dataset_id).where(images.c.id.in_(some)).distinct()
                for dataset_id in connection.execute(known).scalars().all():
                    these = sa.and_(images.c.id.in_(some), images.c.dataset_id == dataset_id)
                    lost = tally(connection, these)
                    connection.execute(sa.delete(images).where(these))
                    project_id = project_of_dataset(connection, dataset_id)
                    note_change(connection, project_id, dataset_id, count=-lost.count, size_bytes=-lost.size_bytes)

    def images_by_id(self, ids: Collection[int]) -> list[Image]:
        """Those that are there, in the order of the ids given."""
        found: dict[int, Image] = {}
        with self._db.reading() as connection:
            for some in _portions(list(ids)):
                rows = connection.execute(sa.select(images).where(images.c.id.in_(some)))
                found |= {row.id: image_of(row) for row in rows}
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    def image_page(
        self,
        dataset_id: int,
        *,
        ids: Collection[int] | None = None,
        names: Collection[str] | None = None,
        sort: SortBy = "id",
        descending: bool = False,
        offset: int = 0,
        limit: int = 500,
    ) -> tuple[int, list[Image]]:
        """How many images of the dataset match, and a page of them."""
        matching = [images.c.dataset_id == dataset_id]
        if ids is not None:
            matching.append(images.c.id.in_(list(ids)))
        if names is not None:
            matching.append(images.c.name.in_(list(names)))
        order = [_SORT[sort], images.c.id]
        page = sa.select(images).where(*matching)
        page = page.order_by(*(column.desc() if descending else column for column in order)).offset(offset).limit(limit)
        with self._db.reading() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(images).where(*matching)).scalar_one()
            return total, [image_of(row) for row in connection.execute(page)]


def _portions(items: list[Any]) -> list[list[Any]]:
    return [items[i : i + _MANY] for i in range(0, len(items), _MANY)]


def project_of_dataset(connection: sa.Connection, id_: int) -> int:
    found: int | None = connection.execute(
        sa.select(datasets.c.project_id).where(datasets.c.id == id_).with_for_update()
    ).scalar()
    if found is None:
        raise NotFound(f"There is no dataset {id_}.")
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    count: int
    size_bytes: int


def tally(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Tally:
    found = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(images.c.size_bytes), 0)).where(condition)
    count, size_bytes = connection.execute(found).one()
    return Tally(int(count), int(size_bytes))


def note_change(
    connection: sa.Connection, project_id: int, dataset_id: int | None = None, *, count: int = 0, size_bytes: int = 0
) -> None:
    """Bring tallies, times and content hash up to date after a change by so many images and bytes."""
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
