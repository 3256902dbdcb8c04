"""Images that tasks logged: by name and step, each named by the line that asked for it."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from agent.domain import NewTaskImage, TaskImage
from agent.errors import NotFound
from agent.store.among import among
from agent.store.columns import clean, clean_or_none, finite, from_us, key, now_us
from agent.store.connect import Database
from agent.store.failures import taken_over
from agent.store.schema import task_images
from agent.store.task_rows import lock_task

_CAPTION = 2000  # characters


@dataclass(frozen=True, slots=True)
class ImageNames:
    """What a gallery is made of: names in the order in which they came first, steps in ascending order."""

    names: Sequence[tuple[str, int]]  # with the number of images
    steps: Sequence[float]
    without_step: int
    total: int


class TaskImages:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, task_id: int, new: Sequence[NewTaskImage], *, agent_id: str | None = None) -> None:
        """Add images. One whose line has an image already is passed over, so that it may be added again.

        With `agent_id`, TakenOver unless the task is this agent's. NotFound without such a task.
        """
        now = now_us()
        rows = [
            {
                "task_id": task_id,
                "seq": image.seq,
                "name": key(image.name),
                "step": finite(image.step),
                "path": clean(image.path),
                "sha256": image.sha256,
                "size_bytes": image.size_bytes,
                "width": image.width,
                "height": image.height,
                "mime": image.mime,
                "caption": clean_or_none(image.caption and image.caption[:_CAPTION]),
                "created_us": now,
            }
            for image in new
        ]
        insert = self._db.insert(task_images).on_conflict_do_nothing(index_elements=["task_id", "seq"])
        with self._db.writing() as connection:
            if agent_id is not None and lock_task(connection, task_id).agent_id != agent_id:
                raise taken_over(task_id)
            try:
                connection.execute(insert, rows)
            except sa.exc.IntegrityError as error:
                raise NotFound(f"There is no task {task_id}.") from error

    def get(self, task_id: int, id: int) -> TaskImage:  # noqa: A002
        with self._db.reading() as connection:
            found = sa.select(task_images).where(task_images.c.id == id, task_images.c.task_id == task_id)
            row = connection.execute(found).first()
        if row is None:
            raise NotFound(f"Task {task_id} has no image {id}.")
        return _image(row)

    def list(
        self,
        task_id: int,
        *,
        name: str | None = None,
        step: float | Literal["none"] | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> builtins.list[TaskImage]:
        """In the order they were kept; of one name, of one step, or without a step (`none`), where asked for."""
        found = sa.select(task_images).where(*_matching(task_id, name, step), task_images.c.id > after_id)
        with self._db.reading() as connection:
            rows = connection.execute(found.order_by(task_images.c.id).limit(limit))
            return [_image(row) for row in rows]

    def count(self, task_id: int, *, name: str | None = None, step: float | Literal["none"] | None = None) -> int:
        found = sa.select(sa.func.count()).where(*_matching(task_id, name, step))
        with self._db.reading() as connection:
            return connection.execute(found).scalar_one()

    def names(self, task_id: int) -> ImageNames:
        columns = task_images.c
        of_task = columns.task_id == task_id
        names = sa.select(columns.name, sa.func.count()).where(of_task).group_by(columns.name)
        steps = sa.select(columns.step, sa.func.count()).where(of_task).group_by(columns.step).order_by(columns.step)
        with self._db.reading() as connection:
            by_name = connection.execute(names.order_by(sa.func.min(columns.id))).all()
            by_step = connection.execute(steps).all()
        return ImageNames(
            names=[(name, count) for name, count in by_name],
            steps=[step for step, _ in by_step if step is not None],
            without_step=sum(count for step, count in by_step if step is None),
            total=sum(count for _, count in by_name),
        )

    def last_id(self, task_id: int) -> int | None:
        """The id of the newest image; None without any."""
        found = sa.select(sa.func.max(task_images.c.id)).where(task_images.c.task_id == task_id)
        with self._db.reading() as connection:
            last: int | None = connection.execute(found).scalar()
        return last

    def taken(self, task_id: int) -> tuple[set[int], set[str]]:
        """Which lines have an image, and which paths below results/ were kept."""
        found = sa.select(task_images.c.seq, task_images.c.path).where(task_images.c.task_id == task_id)
        with self._db.reading() as connection:
            rows = connection.execute(found).all()
        return {row.seq for row in rows if row.seq is not None}, {row.path for row in rows}

    def totals(self, task_id: int) -> tuple[int, int]:
        """The number of images, and their bytes."""
        return self.totals_by_task([task_id]).get(task_id, (0, 0))

    def totals_by_task(self, task_ids: Collection[int] | None = None) -> dict[int, tuple[int, int]]:
        """Task → the number of its images, and their bytes; a task without images is left out."""
        columns = task_images.c
        total = sa.func.sum(columns.size_bytes)
        found = sa.select(columns.task_id, sa.func.count(), total).group_by(columns.task_id)
        if task_ids is not None:
            found = found.where(among(self._db, columns.task_id, task_ids))
        with self._db.reading() as connection:
            return {row[0]: (row[1], int(row[2])) for row in connection.execute(found)}

    def hashes(self, task_id: int) -> set[str]:
        with self._db.reading() as connection:
            found = sa.select(task_images.c.sha256).where(task_images.c.task_id == task_id)
            return set(connection.execute(found).scalars())


def _matching(
    task_id: int, name: str | None, step: float | Literal["none"] | None
) -> builtins.list[sa.ColumnElement[bool]]:
    matching = [task_images.c.task_id == task_id]
    if name is not None:
        matching.append(task_images.c.name == clean(name))
    if step is not None:
        matching.append(task_images.c.step.is_(None) if step == "none" else task_images.c.step == step)
    return matching


def _image(row: sa.Row[Any]) -> TaskImage:
    return TaskImage(
        id=row.id,
        task_id=row.task_id,
        seq=row.seq,
        name=row.name,
        step=row.step,
        path=row.path,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        width=row.width,
        height=row.height,
        mime=row.mime,
        caption=row.caption,
        created_at=from_us(row.created_us),
    )
