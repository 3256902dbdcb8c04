"""Search for images of a project: by dataset and name in the store, by class and tag in the project's statistics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.domain import Image, Project
from agent.errors import BadInput, NotFound
from agent.store import Place, Wanted
from web_stub.paging import cut

if TYPE_CHECKING:
    from agent.store import Store
    from web_stub.gallery.statistics import StatisticsCache

_Order = tuple[int, int]  # dataset, image: the project's order


@dataclass(frozen=True, slots=True)
class Filter:
    """The images to find: None stands for any."""

    dataset_id: int | None = None
    title: str | None = None  # of a class some object of the image has
    tag: str | None = None
    text: str = ""  # in the image's name, in any case

    @property
    def needs_statistics(self) -> bool:
        return self.title is not None or self.tag is not None


@dataclass(frozen=True, slots=True)
class Found:
    images: Sequence[Image]
    next_id: int | None  # the cursor behind the last of them
    total: int


def find(
    store: Store, statistics: StatisticsCache, project: Project, by: Filter, *, cursor: int | None, limit: int
) -> Found:
    """The images behind the image `cursor`, or the first images. Raises BadInput for an image of another project."""
    after = None if cursor is None else _image_of(store, project, cursor)
    if not by.needs_statistics:
        wanted = Wanted(project.id, by.dataset_id, by.text)
        images = store.gallery.page(wanted, after=after, limit=limit + 1)
        total = store.gallery.count(wanted)
    else:
        matching = _matching(statistics, project, by)
        start = 0 if after is None else bisect_left(matching, (after.dataset_id, after.id + 1))
        images = store.images.by_id([id_ for _, id_ in matching[start : start + limit + 1]])
        total = len(matching)
    shown, next_id = cut(images, limit)
    return Found(shown, next_id, total)


def place(store: Store, statistics: StatisticsCache, project: Project, by: Filter, image: Image) -> Place:
    """The image's position among those that match, and its neighbours there."""
    if not by.needs_statistics:
        return store.gallery.place(image, Wanted(project.id, by.dataset_id, by.text))
    matching = _matching(statistics, project, by)
    at = bisect_left(matching, (image.dataset_id, image.id))
    is_wanted = at < len(matching) and matching[at] == (image.dataset_id, image.id)
    following = at + 1 if is_wanted else at
    return Place(
        position=at + 1 if is_wanted else None,
        total=len(matching),
        previous_id=matching[at - 1][1] if at > 0 else None,
        next_id=matching[following][1] if following < len(matching) else None,
    )


def _matching(statistics: StatisticsCache, project: Project, by: Filter) -> list[_Order]:
    text = by.text.lower()
    return [
        (row.dataset_id, row.id)
        for row in statistics.of(project).having(by.title, by.tag)
        if (by.dataset_id is None or row.dataset_id == by.dataset_id) and text in row.name.lower()
    ]


def _image_of(store: Store, project: Project, id_: int) -> Image:
    try:
        image = store.images.get(id_)
        if store.datasets.get(image.dataset_id).project_id == project.id:
            return image
    except NotFound:
        pass
    raise BadInput(f"the cursor {id_} is no image of project {project.id}; begin without one")
