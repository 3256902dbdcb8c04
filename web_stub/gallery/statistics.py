"""Statistics of a project: objects, images and area of each class, images and objects of each tag.

Counting reads every annotation, so the result is kept in memory and as a file under the installation's home. Its
key is the project's content: a project that has changed is counted again.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from cachetools import LRUCache

from agent.domain import Image, Project
from agent.formats.label_shapes import objects_of
from agent.fs.atomic import write_atomically
from agent.insights.areas import NOWHERE, BrokenLabel, Extent, Mask, is_mask, mask_extent, measure
from agent.insights.labels import Gathering, Labels
from web_stub.budget import TooBusy
from web_stub.gallery.annotations import dicts, read_annotation, tag_names, text
from web_stub.gallery.decode import NoPicture
from web_stub.shared_work import SharedWork

if TYPE_CHECKING:
    from agent.store import Store
    from web_stub.gallery.workers import Workers

MaskExtents = Callable[[Sequence[Mask]], Sequence[Extent | None]]  # where each lies

_VERSION = 3  # of the files
_IN_MEMORY = 8  # projects
_IMAGES_TOGETHER = 32  # whose masks a worker measures in one job
_AT_ONCE, _WAITING = 1, 100  # projects that are being counted, or wait to be


class ClassCount(msgspec.Struct):
    title: str
    shape: str  # "" for a class that the project's meta does not know
    color: str
    objects: int = 0
    images: int = 0
    pixels: float = 0.0  # of all its objects; a pixel that two of them cover counts twice


class TagCount(msgspec.Struct):
    name: str
    value_type: str
    color: str
    images: int = 0
    objects: int = 0


class ImageRow(msgspec.Struct, array_like=True):
    """An image, to be found by its objects and tags: positions in the lists of classes and tags of the project."""

    id: int
    dataset_id: int
    name: str
    classes: tuple[int, ...]
    tags: tuple[int, ...]


class ProjectStatistics(msgspec.Struct, dict=True):
    images: int
    labeled_images: int
    objects: int
    broken: int  # annotations and labels that cannot be read
    pixels: int  # of all images
    classes: list[ClassCount]
    tags: list[TagCount]
    rows: list[ImageRow]  # in the project's order
    packed: bytes = b""  # `labels`

    @cached_property
    def labels(self) -> Labels:
        """Where every label lies; its images are those of `rows`, its classes those of `classes`."""
        return Labels.from_bytes(self.packed)

    def place_of(self, title: str) -> int:
        """The position of a class; -1 for one that is neither in the meta nor on an image."""
        return _place([c.title for c in self.classes], title)

    def having(self, titles: Sequence[str | None], tag: str | None) -> Iterator[tuple[int, ImageRow]]:
        """Images with an object of each class and that tag, on themselves or on an object; with their positions."""
        wanted = [self.place_of(title) for title in titles if title is not None]
        wanted_tag = _place([t.name for t in self.tags], tag)
        for at, row in enumerate(self.rows):
            if all(place in row.classes for place in wanted) and (tag is None or wanted_tag in row.tags):
                yield at, row


class StatisticsCache:
    """Statistics by project. A single thread counts a project; others that ask for it wait."""

    def __init__(self, store: Store, folder: Path, workers: Workers) -> None:
        self._store = store
        self._folder = folder
        self._workers = workers
        self._work: SharedWork[ProjectStatistics] = SharedWork("statistics", threads=_AT_ONCE, most=_WAITING)
        self._lock = threading.Lock()  # around all dictionaries
        self._done: dict[int, int] = {}  # images of each project that is being counted
        self._kept: LRUCache[str, ProjectStatistics] = LRUCache(_IN_MEMORY)
        self._is_closing = False
        self._counting: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    async def prepared(self, project: Project) -> ProjectStatistics:
        """The same as `of`, without a thread that waits: counting a large project takes minutes. Raises TooBusy."""
        with self._lock:
            kept = self._kept.get(key_of(project))
        return kept or await self._work.result(key_of(project), lambda: self.of(project))

    def close(self) -> None:
        self._is_closing = True
        self._work.close()
        self._is_closing = False

    def of(self, project: Project) -> ProjectStatistics:
        key = key_of(project)
        with self._lock:
            counting = self._counting[project.id]
        with counting:
            with self._lock:
                statistics = self._kept.get(key)
            if statistics is None:
                statistics = self._read(key)
                if statistics is None:
                    statistics = self._count(project)
                    self._write(project, key, statistics)
                with self._lock:
                    self._kept[key] = statistics
            return statistics

    def progress(self, project: Project) -> int | None:
        """How many of the project's images are counted; None while none are being counted."""
        with self._lock:
            return self._done.get(project.id)

    def _count(self, project: Project) -> ProjectStatistics:
        try:
            return count(project, self._images(project), self._mask_extents)
        finally:
            with self._lock:
                self._done.pop(project.id, None)

    def _images(self, project: Project) -> Iterator[Image]:
        done = 0
        for dataset in self._store.datasets.list(project.id):
            for image in self._store.images.of_dataset(dataset.id):
                if self._is_closing:
                    raise TooBusy("the server is being stopped")
                with self._lock:
                    self._done[project.id] = done
                yield image
                done += 1

    def _mask_extents(self, masks: Sequence[Mask]) -> Sequence[Extent | None]:
        try:
            return self._workers.mask_extents(masks)
        except NoPicture:  # too large a job for a worker: it is cut until only those are lost that are too large
            if len(masks) < 2:
                return [None] * len(masks)
            half = len(masks) // 2
            return [*self._mask_extents(masks[:half]), *self._mask_extents(masks[half:])]

    def _read(self, key: str) -> ProjectStatistics | None:
        try:
            kept = msgspec.msgpack.decode((self._folder / f"{key}.msgpack").read_bytes(), type=ProjectStatistics)
            return kept if len(kept.labels.frames) == len(kept.rows) else None
        except (OSError, ValueError):  # a fault of msgspec is a ValueError
            return None

    def _write(self, project: Project, key: str, statistics: ProjectStatistics) -> None:
        with suppress(OSError):  # counted again next time
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.glob(f"{project.id}-*.*"):
                old.unlink(missing_ok=True)
            write_atomically(self._folder / f"{key}.msgpack", msgspec.msgpack.encode(statistics), durable=False)


def key_of(project: Project) -> str:
    """Another one after each change of the project's content."""
    content = project.content_sha256[:32] or f"at{project.updated_at.timestamp():.6f}"
    return f"{project.id}-{content}-{project.images_count}-v{_VERSION}"


def masks_here(masks: Sequence[Mask]) -> list[Extent | None]:
    """Where each mask lies, measured in this process: for annotations that are trusted. Pure."""
    return [mask_extent(*mask) for mask in masks]


def count(project: Project, images: Iterator[Image], mask_extents: MaskExtents = masks_here) -> ProjectStatistics:
    """Statistics of these images, in their order, under the project's meta. Takes any annotation."""
    counter = _Counter(project.meta)
    while some := list(islice(images, _IMAGES_TOGETHER)):
        read = [counter.read(image) for image in some]
        extents = iter(mask_extents([mask for labelled in read for mask in labelled.masks]))
        for labelled in read:
            counter.add(labelled, extents)
    return counter.done()


class _Labelled(NamedTuple):
    """An image with what its annotation says."""

    image: Image
    annotation: dict[str, Any] | None  # None for one that cannot be read
    labels: list[tuple[dict[str, Any], int, bool]]  # each with the position of its class, and whether it is a mask
    masks: list[Mask]


class _Counter:
    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._gathering = Gathering()
        self.counted = ProjectStatistics(0, 0, 0, 0, 0, [], [], [])
        self._classes: dict[str, int] = {}
        self._tags: dict[str, int] = {}
        for item in dicts(meta.get("classes")):
            self._class(text(item.get("title")), text(item.get("shape")), text(item.get("color")))
        for item in dicts(meta.get("tags")):
            self._tag(text(item.get("name")), text(item.get("value_type")), text(item.get("color")))

    def done(self) -> ProjectStatistics:
        self.counted.packed = self._gathering.gathered().to_bytes()
        return self.counted

    def read(self, image: Image) -> _Labelled:
        annotation = read_annotation(image.annotation)
        labels, masks = [], []
        for label in objects_of(annotation or {}):
            place = self._class(text(label.get("classTitle")))
            has_mask = is_mask(label, self.counted.classes[place].shape)
            labels.append((label, place, has_mask))
            if has_mask:
                masks.append(Mask(label.get("bitmap"), image.width, image.height))
        return _Labelled(image, annotation, labels, masks)

    def add(self, labelled: _Labelled, extents: Iterator[Extent | None]) -> None:
        """Count an image. `extents`: of its masks, and of those of the images behind it."""
        image, annotation, labels, _ = labelled
        counted = self.counted
        own_tags = list(tag_names(annotation or {}))
        self._gathering.image(image.width, image.height, annotation, own_tags)
        counted.broken += annotation is None
        tags = {self._tag(name) for name in own_tags}
        for place in tags:
            counted.tags[place].images += 1
        classes: set[int] = set()
        for label, place, has_mask in labels:
            classes.add(place)
            known = counted.classes[place]
            known.objects += 1
            extent = next(extents) if has_mask else _extent(label, known.shape, image)
            self._gathering.label(label, place, known.shape, extent)
            if extent is None or extent == NOWHERE:
                counted.broken += 1
            else:
                known.pixels += extent.pixels
            for tag in {self._tag(name) for name in tag_names(label)}:
                counted.tags[tag].objects += 1
                tags.add(tag)
        for place in classes:
            counted.classes[place].images += 1
        counted.images += 1
        counted.labeled_images += bool(labels)
        counted.objects += len(labels)
        counted.pixels += image.width * image.height
        row = ImageRow(image.id, image.dataset_id, image.name, tuple(sorted(classes)), tuple(sorted(tags)))
        counted.rows.append(row)

    def _class(self, title: str, shape: str = "", color: str = "") -> int:
        if title not in self._classes:
            self._classes[title] = len(self.counted.classes)
            self.counted.classes.append(ClassCount(title, shape, color))
        return self._classes[title]

    def _tag(self, name: str, value_type: str = "", color: str = "") -> int:
        if name not in self._tags:
            self._tags[name] = len(self.counted.tags)
            self.counted.tags.append(TagCount(name, value_type, color))
        return self._tags[name]


def _extent(label: Mapping[str, Any], shape: str, image: Image) -> Extent | None:
    try:
        return measure(label, shape, image.width, image.height)
    except BrokenLabel:
        return None


def _place(names: list[str], name: str | None) -> int:
    return names.index(name) if name in names else -1
