"""Project folders: found, checked with every problem, read item by item.

Contract: project_format.md 1. Annotations are kept byte for byte; order is by name, so that the same folder
gives the same project everywhere.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from agent.errors import Invalid, NotFound, Problem
from agent.formats.annotation import Frame, annotation_problems
from agent.formats.image_header import ImageHeader, NotAnImage, read_image_header
from agent.formats.json_values import canonical
from agent.formats.meta import META, Meta, read_meta
from agent.formats.project_entries import exists, folder_problem, names, open_file, unreadable
from agent.formats.project_items import DatasetNames, pair
from agent.formats.project_layout import (
    ANNOTATIONS,
    IMAGES,
    IN_DATASETS,
    DatasetPlace,
    in_order,
    missing_meta,
    not_images,
    other_kind,
    read_layout,
)
from agent.formats.survey import StateFile
from agent.fs.beneath import OpenFolder, open_folder
from agent.fs.names import name_problem, shown
from agent.fs.paths import given_path

_MAX_JSON_BYTES = 256 << 20  # an annotation with a full mask of a large image has a few
_MAX_IMAGE_BYTES = 16 << 30  # 2³⁰ pixels of the largest kind
_MAX_LISTED = 100  # problems in one error
_MAX_NOTES = 20


@dataclass(frozen=True, slots=True)
class Item:
    """An image and its annotation file: where they lie in the project, and by what they are known again."""

    name: str
    image: StateFile
    annotation: StateFile
    header: ImageHeader


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """A dataset; the name of a dataset in another dataset begins with the name of the other: `ds1/sub`."""

    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """A project on disk, checked. Images and annotations stay on disk until they are asked for.

    `notes` say what was ignored.
    """

    folder: OpenFolder
    name: str
    meta: Mapping[str, Any]
    datasets: tuple[DatasetFolder, ...]
    notes: tuple[Problem, ...] = ()

    @property
    def images_count(self) -> int:
        return sum(len(dataset.items) for dataset in self.datasets)

    def open(self, file: StateFile) -> BufferedReader:
        """An item's image or annotation, while the folder is open. Raises OSError, also when it is not what it was."""
        opened = self.folder.file(file.name)
        if not file.is_unchanged(os.fstat(opened.fileno())):
            opened.close()
            raise OSError(errno.ESTALE, "it was changed while the project was read", str(self.folder.path / file.name))
        return opened

    def items(self) -> Iterator[tuple[DatasetFolder, Item]]:
        for dataset in self.datasets:
            for item in dataset.items:
                yield dataset, item


@contextmanager
def opened_project_folder(path: Path) -> Iterator[ProjectFolder]:
    """A checked project at a path; links on the way to it are followed. Raises as `read_project`, and NotFound."""
    folder = given_path(path)
    try:
        opened = open_folder(folder.resolve(), may_enter_mounts=True)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"There is no project folder {shown(str(path))}.") from None
    except OSError as error:
        problem = Problem("", "", f"cannot be read: {error.strerror}.", "Check its permissions.")
        raise Invalid(f"Project {shown(folder.name)!r}", [problem]) from error
    with opened:
        yield read_project(opened)


def read_project(folder: OpenFolder) -> ProjectFolder:
    """Read and check a project folder, which stays open. Raises Invalid with its problems."""
    project, problems = _read(folder)
    if problems:
        listed = problems[:_MAX_LISTED]
        if len(problems) > len(listed):
            listed.append(Problem("", "", f"{len(problems) - len(listed):,} more problems are not listed here."))
        raise Invalid(f"Project {shown(project.name)!r}", listed)
    return project


def content_sha256(
    meta: Mapping[str, Any], items: Sequence[tuple[str, str, str, str]], datasets: Iterable[str] = ()
) -> str:
    """The identity of a project's content: equal for the same meta, names, images and annotations.

    `items` are (dataset, image name, sha256 of the image, sha256 of the annotation), in any order; `datasets` all
    names of datasets, of which those without images count. The project's own name does not count.
    """
    total = hashlib.sha256(canonical(meta))
    for item in sorted(items):
        total.update(json.dumps(item).encode())
    for empty in sorted(set(datasets) - {item[0] for item in items}):
        total.update(json.dumps([empty]).encode())
    return total.hexdigest()


def _read(root: OpenFolder) -> tuple[ProjectFolder, list[Problem]]:
    problems: list[Problem] = []
    notes: list[Problem] = []
    datasets: dict[str, DatasetFolder] = {}
    meta = Meta({})
    try:
        meta, is_project = _read_meta(root, problems)
        if kind := other_kind(meta.json):
            problems = [not_images(META, kind)]
        elif is_project:
            layout = read_layout(root)
            problems += layout.problems
            notes += layout.notes
            for place in layout.datasets:
                for name in [*_above(place.name), place.name]:  # a folder with datasets only is an empty dataset
                    datasets.setdefault(name, DatasetFolder(name, ()))
                datasets[place.name] = _read_dataset(root, place, meta, problems, notes)
            if not any(dataset.items for dataset in datasets.values()) and not problems:
                problems.append(Problem("", "", "the project has no dataset with images.", IN_DATASETS))
    except OSError as error:  # a folder that may not be listed
        place_of = shown(os.path.relpath(error.filename, root.path)) if isinstance(error.filename, str) else "."
        problems.append(Problem(place_of, "", f"cannot be read: {error.strerror}.", "Check its permissions."))
    sorted_datasets = tuple(sorted(datasets.values(), key=lambda dataset: in_order(dataset.name)))
    return ProjectFolder(root, root.path.name, meta.json, sorted_datasets, tuple(_few(notes))), problems


def _above(name: str) -> list[str]:
    """The datasets in which the dataset of that name lies."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _few(notes: list[Problem]) -> list[Problem]:
    rest = len(notes) - _MAX_NOTES
    return notes if rest <= 0 else [*notes[:_MAX_NOTES], Problem("", "", f"{rest:,} more entries are ignored.")]


def _read_meta(root: OpenFolder, problems: list[Problem]) -> tuple[Meta, bool]:
    """The meta, and whether the folder is a project but for its problems."""
    if not exists(root, META):
        problem, is_project = missing_meta(root)
        problems.append(problem)
        return Meta({}, is_known=False), is_project
    found = _read_file(root, META, META, problems)
    if found is None:
        return Meta({}, is_known=False), True
    meta, wrong = read_meta(found[1])
    problems += wrong
    return meta, True


def _read_dataset(
    root: OpenFolder, place: DatasetPlace, meta: Meta, problems: list[Problem], notes: list[Problem]
) -> DatasetFolder:
    nothing = DatasetFolder(place.name, ())
    wrong_name = next((wrong for part in place.name.split("/") if (wrong := name_problem(part))), None)
    if wrong_name:
        problems.append(Problem(shown(place.path), "", f"the dataset's name {wrong_name}."))
        return nothing
    parts = [f"{place.path}/{part}" for part in (IMAGES, ANNOTATIONS)]
    missing = [problem for part in parts if (problem := folder_problem(root, part)) is not None]
    if missing:
        problems += missing
        return nothing
    here = DatasetNames(place.path, names(root, parts[0]), names(root, parts[1]))
    paired = pair(here)
    problems += paired.problems
    notes += paired.notes
    items = []
    for image, annotation in paired.items:
        item = _read_item(root, place.path, image, annotation, meta, problems)
        if item is not None:
            items.append(item)
    return DatasetFolder(place.name, tuple(items))


def _read_item(
    root: OpenFolder, folder: str, image: str, annotation: str | None, meta: Meta, problems: list[Problem]
) -> Item | None:
    dataset = shown(folder)
    file = f"{dataset}/{IMAGES}/{shown(image)}"
    header = None
    opened = open_file(root, f"{folder}/{IMAGES}/{image}", file, problems)
    if opened is not None:
        known, source = opened
        with source:
            if known.size_bytes > _MAX_IMAGE_BYTES:
                problems.append(Problem(file, "", f"is larger than {_MAX_IMAGE_BYTES >> 30} GiB, which no image is."))
            else:
                try:
                    header = read_image_header(source)
                except NotAnImage as error:
                    problems.append(Problem(file, "", str(error)))
                except OSError as error:
                    problems.append(unreadable(file, error))
    if annotation is None:
        return None
    file = f"{dataset}/{ANNOTATIONS}/{shown(annotation)}"
    found = _read_file(root, f"{folder}/{ANNOTATIONS}/{annotation}", file, problems)
    if found is None:
        return None
    frame = Frame(header.width, header.height, header.is_turned) if header else None
    problems += annotation_problems(found[1], meta, file, frame)
    return Item(image, known, found[0], header) if header else None


def _read_file(root: OpenFolder, name: str, file: str, problems: list[Problem]) -> tuple[StateFile, bytes] | None:
    opened = open_file(root, name, file, problems)
    if opened is None:
        return None
    known, source = opened
    with source:
        if known.size_bytes > _MAX_JSON_BYTES:
            sentence = f"is larger than {_MAX_JSON_BYTES >> 20} MiB, which no reader could hold."
            problems.append(Problem(file, "", sentence, "Divide the image, or its masks."))
            return None
        try:
            return known, source.read(known.size_bytes)
        except OSError as error:
            problems.append(unreadable(file, error))
            return None
