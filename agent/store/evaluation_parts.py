"""What evaluations count: the images of both projects, and the parts, some hundred images each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from agent.domain import Project
from agent.errors import Conflict
from agent.store.among import portions
from agent.store.columns import from_json, to_json, to_us
from agent.store.connect import Database
from agent.store.lease import Lease
from agent.store.schema import datasets, evaluation_parts, evaluations, images, projects

KEYS = 0x73_6C_7B  # a lock: on who gives an evaluation a key, or forgets one; shared by who adds parts to a key


class ImageKey(NamedTuple):
    """An image as evaluations find it: by the names of its dataset and its own."""

    dataset: str
    name: str
    id: int
    width: int
    height: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    images: int
    about: Mapping[str, Any]
    data: bytes


class EvaluationParts:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._lease = Lease(database, evaluations, lost)

    def images(self, project_id: int) -> list[ImageKey]:
        """Every image of a project, ordered by the names of dataset and image: the same in every database."""
        found = (
            sa.select(
                datasets.c.name.label("dataset"),
                images.c.name,
                images.c.id,
                images.c.width,
                images.c.height,
                images.c.sha256,
            )
            .join(datasets, datasets.c.id == images.c.dataset_id)
            .where(datasets.c.project_id == project_id)
        )
        with self._db.reading() as connection:
            return sorted(ImageKey(*row) for row in connection.execute(found))

    def count_common(self, truth_id: int, predicted_id: int) -> int:
        """How many images of the one project have one of the same name, in a dataset of the same name, in the other."""
        dataset, image = datasets.alias("other_datasets"), images.alias("other_images")
        found = (
            sa.select(sa.func.count())
            .select_from(datasets)
            .join(dataset, sa.and_(dataset.c.name == datasets.c.name, dataset.c.project_id == predicted_id))
            .join(images, images.c.dataset_id == datasets.c.id)
            .join(image, sa.and_(image.c.dataset_id == dataset.c.id, image.c.name == images.c.name))
            .where(datasets.c.project_id == truth_id)
        )
        with self._db.reading() as connection:
            return int(connection.execute(found).scalar_one())

    def has_labels(self, project_id: int) -> bool:
        """Whether an annotation of the project has an object or a tag: each has a name or a class title."""
        of_project = sa.select(datasets.c.id).where(datasets.c.project_id == project_id)
        labelled = sa.or_(*(images.c.annotation.contains(word) for word in ('"classTitle"', '"name"')))
        found = sa.select(images.c.id).where(images.c.dataset_id.in_(of_project), labelled).limit(1)
        with self._db.reading() as connection:
            return connection.execute(found).first() is not None

    def annotation_sizes(self, image_ids: Collection[int]) -> dict[int, int]:
        """Image → the characters of its annotation, of the images that exist: to read no more at once than fits."""
        found: dict[int, int] = {}
        with self._db.reading() as connection:
            for some in portions(image_ids):
                size = sa.func.length(images.c.annotation).label("size")
                rows = connection.execute(sa.select(images.c.id, size).where(images.c.id.in_(some)))
                found |= {row.id: row.size for row in rows}
        return found

    def annotations(self, image_ids: Collection[int]) -> dict[int, str]:
        """Image → its annotation, of the images that exist."""
        found: dict[int, str] = {}
        with self._db.reading() as connection:
            for some in portions(image_ids):
                rows = connection.execute(sa.select(images.c.id, images.c.annotation).where(images.c.id.in_(some)))
                found |= {row.id: row.annotation for row in rows}
        return found

    # ---------------------------------------------------------------- parts

    def part_numbers(self, key: str) -> dict[int, int]:
        """The parts that exist, with their numbers of images."""
        found = sa.select(evaluation_parts.c.number, evaluation_parts.c.images).where(evaluation_parts.c.key == key)
        with self._db.reading() as connection:
            return {row.number: row.images for row in connection.execute(found)}

    def parts(self, key: str) -> Iterator[Part]:
        """In order, read one by one: all of them need not fit in memory."""
        for number in sorted(self.part_numbers(key)):
            found = sa.select(evaluation_parts).where(
                evaluation_parts.c.key == key, evaluation_parts.c.number == number
            )
            with self._db.reading() as connection:
                row = connection.execute(found).first()
            if row is not None:
                yield Part(row.number, row.images, from_json(row.about), row.data)

    def abouts(self, key: str) -> list[Mapping[str, Any]]:
        """What is kept beside the counts of each part."""
        found = sa.select(evaluation_parts.c.about).where(evaluation_parts.c.key == key)
        with self._db.reading() as connection:
            texts = connection.execute(found.order_by(evaluation_parts.c.number)).scalars().all()
        return [from_json(text) for text in texts]

    def add_part(self, id: int, controller: str, part: Part) -> None:  # noqa: A002
        """Keep a part; one that exists stays. Conflict when the evaluation is not this controller's any more, or when
        a project was changed since the key was made: what was counted is then of neither state.
        """
        with self._db.writing() as connection:
            self._db.lock(connection, KEYS, shared=True)
            key = self._require_unchanged(connection, id, controller)
            row = {"key": key, "number": part.number, "images": part.images, "about": to_json(part.about)}
            insert = self._db.insert(evaluation_parts).values(**row, data=part.data)
            connection.execute(insert.on_conflict_do_nothing(index_elements=["key", "number"]))
            done = sa.select(sa.func.sum(evaluation_parts.c.images)).where(evaluation_parts.c.key == key)
            self._lease.change(connection, id, controller, images_done=done.scalar_subquery())

    # ---------------------------------------------------------------- rows

    def _require_unchanged(self, connection: sa.Connection, id_: int, controller: str) -> str:
        """The key of an evaluation whose projects are as they were when it was made."""
        columns = evaluations.c
        found = sa.select(columns.key, columns.contents, columns.truth_project_id, columns.predicted_project_id)
        row = connection.execute(found.where(columns.id == id_, columns.controller == controller)).first()
        if row is None:
            raise lost(id_)
        ids = (row.truth_project_id, row.predicted_project_id)
        states = sa.select(projects.c.id, projects.c.content_sha256, projects.c.updated_us)
        now = {one.id: one for one in connection.execute(states.where(projects.c.id.in_(ids)))}
        for project_id, before in zip(ids, from_json(row.contents), strict=True):
            if project_id not in now or _content(*now[project_id]) != before:
                raise ProjectChanged(f"Project {project_id} was changed while it was evaluated. Evaluate it again.")
        return str(row.key)


class ProjectChanged(Conflict):
    """A project is not what it was when its evaluation began."""

    reason = "project_changed"


def lost(id_: int) -> Conflict:
    return Conflict(f"Evaluation {id_} was removed, or another process computes it by now.")


def contents_of(project: Project) -> str:
    """What tells one state of a project from another: the sha256 of its content, else the time of its last change."""
    return _content(project.id, project.content_sha256, to_us(project.updated_at))


def _content(id_: int, sha256: str, updated_us: int) -> str:
    return sha256 or f"{id_}@{updated_us}"


def forget_unused(database: Database, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Delete the parts of these evaluations that no other evaluation has."""
    database.lock(connection, KEYS)
    keys = sa.select(evaluations.c.key).where(condition, evaluations.c.key.is_not(None)).distinct()
    for key in connection.execute(keys).scalars().all():
        others = sa.select(evaluations.c.id).where(evaluations.c.key == key, sa.not_(condition)).limit(1)
        if connection.execute(others).first() is None:
            connection.execute(sa.delete(evaluation_parts).where(evaluation_parts.c.key == key))
