"""Search for images of a project: by dataset and name in the store, by class and tag in the project's statistics, by
finding in what its data says (`agent/insights/question.py`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.domain import Image, Project
from agent.errors import BadInput, NotFound
from agent.insights.question import images_of, is_about_pictures
from agent.store import Place, Wanted
from web_stub.gallery.fingerprints import Fingerprints
from web_stub.gallery.near_images import NearCache
from web_stub.gallery.statistics import StatisticsCache
from web_stub.paging import cut

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from agent.artifacts import Artifacts
    from agent.store import Store
    from web_stub.gallery.near_images import NearImages
    from web_stub.gallery.workers import Workers

_Order = tuple[int, int]  # dataset, image: the project's order


@dataclass(frozen=True, slots=True)
class Filter:
    """The images to find: None stands for any."""

    dataset_id: int | None = None
    title: str | None = None  # of a class some object of the image has
    tag: str | None = None
    text: str = ""  # in the image's name, in any case
    also: str | None = None  # a further class that the image has
    finding: str | None = (
        None  # of `agent/insights/question.py`; about the labels of the class `title`, if one is given
    )

    @property
    def needs_statistics(self) -> bool:
        return any(one is not None for one in (self.title, self.tag, self.also, self.finding))

    @property
    def needs_pictures(self) -> bool:
        return self.finding is not None and is_about_pictures(self.finding)


@dataclass(frozen=True, slots=True)
class Search:
    """What is known of the images of projects."""

    store: Store
    statistics: StatisticsCache
    near: NearCache

    async def prepare(self, project: Project, by: Filter) -> None:
        """Wait for what `find` and `place` need, without a thread. Raises TooBusy."""
        if by.needs_pictures:
            await self.near.prepared(project)
        elif by.needs_statistics:
            await self.statistics.prepared(project)


@dataclass(frozen=True, slots=True)
class Found:
    images: Sequence[Image]
    next_id: int | None  # the cursor behind the last of them
    total: int


def open_search(store: Store, artifacts: Artifacts, cache: Path, workers: Workers) -> Search:
    """A search that keeps what it has counted and decoded in the folder `cache`."""
    statistics = StatisticsCache(store, cache / "statistics", workers)
    return Search(
        store, statistics, NearCache(store, statistics, Fingerprints(artifacts, cache / "fingerprints", workers))
    )


def find(search: Search, project: Project, by: Filter, *, cursor: int | None, limit: int) -> Found:
    """The images behind the image `cursor`, or the first images.

    Raises BadInput for an image of another project, and for what is no finding.
    """
    store = search.store
    after = None if cursor is None else _image_of(store, project, cursor)
    if not by.needs_statistics:
        wanted = Wanted(project.id, by.dataset_id, by.text)
        images = store.gallery.page(wanted, after=after, limit=limit + 1)
        total = store.gallery.count(wanted)
    else:
        matching = _matching(search, project, by)
        start = 0 if after is None else bisect_left(matching, (after.dataset_id, after.id + 1))
        images = store.images.by_id([id_ for _, id_ in matching[start : start + limit + 1]])
        total = len(matching)
    shown, next_id = cut(images, limit)
    return Found(shown, next_id, total)


def place(search: Search, project: Project, by: Filter, image: Image) -> Place:
    """The image's position among those that match, and its neighbours there. Raises BadInput for no finding."""
    if not by.needs_statistics:
        return search.store.gallery.place(image, Wanted(project.id, by.dataset_id, by.text))
    matching = _matching(search, project, by)
    at = bisect_left(matching, (image.dataset_id, image.id))
    is_wanted = at < len(matching) and matching[at] == (image.dataset_id, image.id)
    following = at + 1 if is_wanted else at
    return Place(
        position=at + 1 if is_wanted else None,
        total=len(matching),
        previous_id=matching[at - 1][1] if at > 0 else None,
        next_id=matching[following][1] if following < len(matching) else None,
    )


def _matching(search: Search, project: Project, by: Filter) -> list[_Order]:
    text = by.text.lower()
    counted = search.statistics.of(project)
    answers = None
    if by.needs_pictures:
        found = search.near.of(project, counted)
        counted, answers = found.counted, _near(found, by.finding or "")
    elif by.finding is not None:
        answers = images_of(by.finding, counted.labels, None if by.title is None else counted.place_of(by.title))
    return [
        (row.dataset_id, row.id)
        for at, row in counted.having([by.title, by.also], by.tag)
        if (by.dataset_id is None or row.dataset_id == by.dataset_id)
        and text in row.name.lower()
        and (answers is None or answers[at])
    ]


def _near(found: NearImages, question: str) -> NDArray[np.bool_]:
    """(N,): the images that answer a question about pictures."""
    if question in ("near", "leak"):
        return found.near.is_near if question == "near" else found.near.is_leak
    wanted = int(question.partition(".")[2])
    for at, row in enumerate(found.counted.rows):
        if row.id == wanted:
            return found.near.near_to(at)
    raise BadInput(f"there is no image {wanted} in this project to which others could be nearly equal")


def _image_of(store: Store, project: Project, id_: int) -> Image:
    try:
        image = store.images.get(id_)
        if store.datasets.get(image.dataset_id).project_id == project.id:
            return image
    except NotFound:
        pass
    raise BadInput(f"the cursor {id_} is no image of project {project.id}; begin without one")
