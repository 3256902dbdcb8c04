"""Images of the library with their annotations, word for word: read, added, changed, found in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from agent.domain import Image, NewImage
from agent.errors import Conflict, NotFound
from agent.store.among import among, portions
from agent.store.columns import clean, now_us, to_json_or_none
from agent.store.connect import Database
from agent.store.image_rows import ImageFile, image_of, image_row, insert_images
from agent.store.project_counts import count_images, note_change, project_of_dataset
from agent.store.schema import images

_PAGE = 500  # images read at once: an annotation may be megabytes
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


class NamesTaken(Conflict):
    """Images of these names are in the dataset already; `taken` has their ids."""

    reason = "names_taken"

    def __init__(self, sentence: str, taken: Mapping[str, int]) -> None:
        super().__init__(sentence)
        self.taken = dict(taken)


class Images:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._insert_images = insert_images(database)

    def get(self, id: int) -> Image:  # noqa: A002
        with self._db.reading() as connection:
            row = connection.execute(sa.select(images).where(images.c.id == id)).first()
        if row is None:
            raise NotFound(f"There is no image {id}.")
        return image_of(row)

    def of_dataset(self, dataset_id: int, *, after_id: int = 0, limit: int | None = None) -> Iterator[Image]:
        """In the order they were added, read page by page: a project need not fit in memory."""
        left = limit
        while left is None or left > 0:
            page = _PAGE if left is None else min(_PAGE, left)
            found = (
                sa.select(images)
                .where(images.c.dataset_id == dataset_id, images.c.id > after_id)
                .order_by(images.c.id)
                .limit(page)
            )
            with self._db.reading() as connection:
                rows = connection.execute(found).all()
            for row in rows:
                yield image_of(row)
            if len(rows) < page:
                return
            after_id = rows[-1].id
            left = None if left is None else left - len(rows)

    def files_of_dataset(self, dataset_id: int) -> Iterator[ImageFile]:
        """What their files hold, in the same order, read in the same way."""
        found = (
            sa.select(images.c.id, *(images.c[name] for name in ImageFile._fields))
            .where(images.c.dataset_id == dataset_id, images.c.id > sa.bindparam("after"))
            .order_by(images.c.id)
            .limit(_PAGE)
        )
        after = 0
        while True:
            with self._db.reading() as connection:
                rows = connection.execute(found, {"after": after}).all()
            for _, *columns in rows:
                yield ImageFile(*columns)
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    def add(self, dataset_id: int, new: Sequence[NewImage]) -> list[Image]:
        """All of them or none, in the order given. NamesTaken for names in the dataset; Conflict for equal names."""
        now = now_us()
        names = [clean(image.name) for image in new]
        if len(set(names)) < len(names):
            twice = next(name for name, count in Counter(names).items() if count > 1)
            raise Conflict(f"Image name {twice!r} comes twice.")
        with self._db.writing() as connection:
            project_id = project_of_dataset(connection, dataset_id)
            taken: dict[str, int] = {}
            for some in portions(names):
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
        """Replace the annotations (JSON text) of images by id, all or none. NotFound names a missing image."""
        with self._db.writing() as connection:
            self._annotate(connection, annotations)

    def reannotate(self, ids: Sequence[int], change: Callable[[Image], str]) -> None:
        """Give each image the annotation that `change` makes of it, all or none; no other change comes in between.

        NotFound names a missing image. When `change` raises, nothing is changed.
        """
        with self._db.writing() as connection:
            for some in portions(sorted(set(ids))):
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

    def edit(
        self,
        id: int,  # noqa: A002
        *,
        name: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Image:
        """Change the arguments given. NamesTaken when another image of the dataset has the name."""
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

    def remove(self, ids: Collection[int]) -> None:
        """Forget images; missing ids are no error."""
        with self._db.writing() as connection:
            for some in portions(ids):
                known = sa.select(images.c.dataset_id).where(images.c.id.in_(some)).distinct()
                for dataset_id in connection.execute(known).scalars().all():
                    these = sa.and_(images.c.id.in_(some), images.c.dataset_id == dataset_id)
                    lost = count_images(connection, these)
                    connection.execute(sa.delete(images).where(these))
                    project_id = project_of_dataset(connection, dataset_id)
                    note_change(connection, project_id, dataset_id, count=-lost.count, size_bytes=-lost.size_bytes)

    def by_id(self, ids: Collection[int]) -> list[Image]:
        """The images that exist, in the order of the ids given."""
        found: dict[int, Image] = {}
        with self._db.reading() as connection:
            for some in portions(ids):
                rows = connection.execute(sa.select(images).where(images.c.id.in_(some)))
                found |= {row.id: image_of(row) for row in rows}
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    def page(
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
            matching.append(among(self._db, images.c.id, ids))
        if names is not None:
            matching.append(among(self._db, images.c.name, [clean(name) for name in names]))
        order = [_SORT[sort], images.c.id]
        page = sa.select(images).where(*matching)
        page = page.order_by(*(column.desc() if descending else column for column in order)).offset(offset).limit(limit)
        with self._db.reading() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(images).where(*matching)).scalar_one()
            return total, [image_of(row) for row in connection.execute(page)]
