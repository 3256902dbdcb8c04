"""What a project holds, counted once: objects, images and area of each class, images and objects of each tag.

Counting reads every annotation, so it is kept: in memory, and as a file under the installation's home. Kept
is by content: a project that changed is counted again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from agent.domain import Image, Project
from web_stub.label_areas import BrokenLabel, covered

if TYPE_CHECKING:
    from agent.store import Store

_VERSION = 1  # of the files
_IN_MEMORY = 8  # projects


class ClassCount(msgspec.Struct):
    title: str
    shape: str  # "" for a class that the project's meta does not know
    color: str
    objects: int = 0
    images: int = 0
    pixels: float = 0.0  # of all its objects; what two of them cover counts twice


class TagCount(msgspec.Struct):
    name: str
    value_type: str
    color: str
    images: int = 0
    objects: int = 0


class ImageRow(msgspec.Struct, array_like=True):
    """One image, for finding it by what is on it. `classes` and `tags` are places in the digest's lists."""

    id: int
    dataset_id: int
    name: str
    classes: tuple[int, ...]
    tags: tuple[int, ...]


class Digest(msgspec.Struct):
    images: int
    labeled_images: int
    objects: int
    broken: int  # annotations and labels nobody can read
    pixels: int  # of all images
    classes: list[ClassCount]
    tags: list[TagCount]
    rows: list[ImageRow]  # in the project's order

    def having(self, title: str | None, tag: str | None) -> Iterator[ImageRow]:
        """Images with an object of that class and that tag, on themselves or on an object."""
        wanted_class = _place([c.title for c in self.classes], title)
        wanted_tag = _place([t.name for t in self.tags], tag)
        for row in self.rows:
            if (title is None or wanted_class in row.classes) and (tag is None or wanted_tag in row.tags):
                yield row


class Digests:
    """Digests of projects, each counted by one thread while others wait for it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._kept: OrderedDict[str, Digest] = OrderedDict()
        self._locks: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, project: Project) -> Digest:
        key = _key(project)
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return known
            counting = self._locks.setdefault(project.id, threading.Lock())
        with counting:
            if (known := self._kept.get(key)) is not None:
                return known
            digest = self._read(key)
            if digest is None:
                digest = count(project, self._images(project))
                self._write(project, key, digest)
            with self._lock:
                self._kept[key] = digest
                while len(self._kept) > _IN_MEMORY:
                    self._kept.popitem(last=False)
            return digest

    def _images(self, project: Project) -> Iterator[Image]:
        for dataset in self._store.projects.datasets(project.id):
            yield from self._store.projects.images(dataset.id)

    def _read(self, key: str) -> Digest | None:
        try:
            return msgspec.json.decode((self._folder / f"{key}.json").read_bytes(), type=Digest)
        except (OSError, msgspec.DecodeError):
            return None

    def _write(self, project: Project, key: str, digest: Digest) -> None:
        with suppress(OSError):  # counted again next time
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.glob(f"{project.id}-*.json"):
                old.unlink(missing_ok=True)
            half = self._folder / f".{key}.{threading.get_ident()}"
            half.write_bytes(msgspec.json.encode(digest))
            half.rename(self._folder / f"{key}.json")


def _key(project: Project) -> str:
    content = project.content_sha256[:32] or f"at{project.updated_at.timestamp():.6f}"
    return f"{project.id}-{content}-{project.images_count}-v{_VERSION}"


def count(project: Project, images: Iterator[Image]) -> Digest:
    """The digest of these images, in their order, under the project's meta. Takes any annotation. Pure."""
    counting = _Counting(project.meta)
    for image in images:
        counting.add(image)
    return counting.digest


class _Counting:
    def __init__(self, meta: Mapping[str, Any]) -> None:
        self.digest = Digest(0, 0, 0, 0, 0, [], [], [])
        self._classes: dict[str, int] = {}
        self._tags: dict[str, int] = {}
        for item in _dicts(meta.get("classes")):
            self._class(_text(item.get("title")), _text(item.get("shape")), _text(item.get("color")))
        for item in _dicts(meta.get("tags")):
            self._tag(_text(item.get("name")), _text(item.get("value_type")), _text(item.get("color")))

    def add(self, image: Image) -> None:
        digest = self.digest
        annotation = read_annotation(image.annotation)
        if annotation is None:
            digest.broken += 1
            annotation = {}
        tags = set(self._tags_of(annotation))
        for place in tags:
            digest.tags[place].images += 1
        classes: set[int] = set()
        labels = _dicts(annotation.get("objects"))
        for label in labels:
            place = self._class(_text(label.get("classTitle")))
            classes.add(place)
            known = digest.classes[place]
            known.objects += 1
            try:
                known.pixels += covered(label, known.shape, image.width, image.height)
            except BrokenLabel:
                digest.broken += 1
            for tag in set(self._tags_of(label)):
                digest.tags[tag].objects += 1
                tags.add(tag)
        for place in classes:
            digest.classes[place].images += 1
        digest.images += 1
        digest.labeled_images += bool(labels)
        digest.objects += len(labels)
        digest.pixels += image.width * image.height
        row = ImageRow(image.id, image.dataset_id, image.name, tuple(sorted(classes)), tuple(sorted(tags)))
        digest.rows.append(row)

    def _class(self, title: str, shape: str = "", color: str = "") -> int:
        if title not in self._classes:
            self._classes[title] = len(self.digest.classes)
            self.digest.classes.append(ClassCount(title, shape, color))
        return self._classes[title]

    def _tag(self, name: str, value_type: str = "", color: str = "") -> int:
        if name not in self._tags:
            self._tags[name] = len(self.digest.tags)
            self.digest.tags.append(TagCount(name, value_type, color))
        return self._tags[name]

    def _tags_of(self, tagged: Mapping[str, Any]) -> Iterator[int]:
        for name in tag_names(tagged):
            yield self._tag(name)


def read_annotation(text: str) -> Mapping[str, Any] | None:
    """The annotation; {} for none, None for what is not one."""
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def tag_names(tagged: Mapping[str, Any]) -> Iterator[str]:
    """Names of the tags of an annotation or a label, in either spelling (contract: project_format.md 3)."""
    tags = tagged.get("tags")
    for tag in tags if isinstance(tags, list) else []:
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            yield name


def objects_of(annotation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _dicts(annotation.get("objects"))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _place(names: list[str], name: str | None) -> int:
    return names.index(name) if name in names else -1
