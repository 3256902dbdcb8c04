"""Project folders: found, checked with every problem, read item by item.

Contract: project_format.md 1. Annotations are kept byte for byte; order is by name, so that the same folder
gives the same project everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import Invalid, NotFound, Problem
from agent.formats.annotation import META, Meta, annotation_problems, read_meta
from agent.formats.image_header import EXTENSIONS, ImageHeader, NotAnImage, read_image_header
from agent.formats.json_text import canonical
from agent.formats.names import name_problem, shown
from agent.formats.paths import given_path

_MAX_JSON_BYTES = 256 << 20  # an annotation with a full mask of a large image has a few
_MAX_IMAGE_BYTES = 16 << 30  # 2³⁰ pixels of the largest kind
_MAX_LISTED = 100  # problems in an error's text; `check_project` gives all


@dataclass(frozen=True, slots=True)
class Item:
    """An image and its annotation file. `header` is None only while the image is unreadable."""

    name: str
    image: Path
    annotation: Path
    header: ImageHeader


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """A project on disk, checked. Images and annotations stay on disk until they are asked for."""

    path: Path
    name: str
    meta: Mapping[str, Any]
    datasets: tuple[DatasetFolder, ...]

    @property
    def images_count(self) -> int:
        return sum(len(dataset.items) for dataset in self.datasets)

    def items(self) -> Iterator[tuple[DatasetFolder, Item]]:
        for dataset in self.datasets:
            for item in dataset.items:
                yield dataset, item


def read_project(path: Path) -> ProjectFolder:
    """Read and check a project folder. Raises NotFound, or Invalid with its problems."""
    folder, problems = _read(path)
    if problems:
        listed = problems[:_MAX_LISTED]
        if len(problems) > len(listed):
            listed.append(Problem("", "", f"{len(problems) - len(listed):,} more problems are not listed here."))
        raise Invalid(f"Project {shown(folder.name)!r}", listed)
    return folder


def check_project(path: Path) -> list[Problem]:
    """Every problem of a project folder; none when a plugin can read it."""
    try:
        return _read(path)[1]
    except NotFound as error:
        return [Problem("", "", str(error))]


def content_sha256(meta: Mapping[str, Any], items: Sequence[tuple[str, str, str, str]]) -> str:
    """The identity of a project's content: equal for the same meta, names, images and annotations.

    `items` are (dataset, image name, sha256 of the image, sha256 of the annotation), in any order; the
    project's own name does not count.
    """
    total = hashlib.sha256(canonical(meta))
    for item in sorted(items):
        total.update(json.dumps(item).encode())
    return total.hexdigest()


def _read(path: Path) -> tuple[ProjectFolder, list[Problem]]:
    folder = given_path(path)
    if not folder.is_dir():
        raise NotFound(f"There is no project folder {shown(str(path))}.")
    root = folder.resolve()
    problems: list[Problem] = []
    datasets = []
    meta = Meta({})
    try:
        meta = _read_meta(root, problems)
        for folder in _folders(root, problems):
            dataset = _read_dataset(root, folder, meta, problems)
            if dataset is not None:
                datasets.append(dataset)
    except OSError as error:  # a folder that may not be listed
        place = shown(os.path.relpath(error.filename or root, root))
        problems.append(Problem(place, "", f"cannot be read: {error.strerror}.", "Check its permissions."))
    if not datasets and not any(problem.file != META for problem in problems):
        remedy = "Images lie in DATASET/img/, their annotations in DATASET/ann/."
        problems.append(Problem("", "", "the project has no dataset with images.", remedy))
    return ProjectFolder(root, root.name, meta.json, tuple(datasets)), problems


def _read_meta(root: Path, problems: list[Problem]) -> Meta:
    data = _read_file(root, root / META, META, problems)
    if data is None:
        if not (root / META).exists():
            inner = sorted(folder.name for folder in root.iterdir() if (folder / META).is_file())
            remedy = f"The project seems to be the folder {shown(inner[0])!r} in it." if inner else ""
            problems.append(Problem(META, "", "is missing.", remedy))
        return Meta({}, is_known=False)
    meta, wrong = read_meta(data)
    problems += wrong
    return meta


def _folders(root: Path, problems: list[Problem]) -> list[Path]:
    """Sub-folders that are, or were meant to be, datasets. Hidden and unrelated folders are left alone."""
    found = []
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        if (folder / "img").exists() or (folder / "ann").exists():
            found.append(folder)
        elif any(name.lower().endswith(EXTENSIONS) for name in _names(folder)):
            sentence = "has images but no img folder."
            problems.append(Problem(shown(folder.name), "", sentence, "Move them to img/, annotations to ann/."))
    return found


def _read_dataset(root: Path, folder: Path, meta: Meta, problems: list[Problem]) -> DatasetFolder | None:
    name = shown(folder.name)
    wrong_name = name_problem(folder.name)
    if wrong_name:
        problems.append(Problem(name, "", f"the dataset's name {wrong_name}."))
        return None
    broken = False
    for part in ("img", "ann"):
        inner = folder / part
        if not inner.is_dir():
            problems.append(Problem(f"{name}/{part}", "", "is missing or not a folder."))
            broken = True
        elif not _is_inside(root, inner):
            problems.append(_leaves(f"{name}/{part}"))
            broken = True
    if broken:
        return None
    annotations = set(_names(folder / "ann"))
    images = _images(folder, annotations, problems)
    if not images:
        if not any(problem.file.startswith(f"{name}/img/") for problem in problems):
            remedy = f"Images are files ending in {' '.join(EXTENSIONS)}."
            problems.append(Problem(f"{name}/img", "", "has no images.", remedy))
        return None
    used: dict[str, str] = {}
    items = []
    for image in images:
        annotation = _annotation_of(folder, image, annotations, used, problems)
        item = _read_item(root, folder, image, annotation, meta, problems)
        if item is not None:
            items.append(item)
    return DatasetFolder(folder.name, tuple(items))


def _images(folder: Path, annotations: set[str], problems: list[Problem]) -> list[str]:
    images = []
    for name in sorted(_names(folder / "img")):
        file = f"{shown(folder.name)}/img/{shown(name)}"
        if not name.lower().endswith(EXTENSIONS):
            if f"{name}.json" in annotations:  # anything else beside the images is not ours to judge
                remedy = f"Supported are {' '.join(EXTENSIONS)}."
                problems.append(Problem(file, "", "has an annotation but no supported extension.", remedy))
        elif wrong := name_problem(name):
            problems.append(Problem(file, "", f"the image's name {wrong}."))
        else:
            images.append(name)
    return images


def _annotation_of(
    folder: Path, image: str, annotations: set[str], used: dict[str, str], problems: list[Problem]
) -> Path | None:
    """`cat.jpg.json`, else the legacy `cat.json`, which two images may not share."""
    dataset = shown(folder.name)
    full, legacy = f"{image}.json", f"{Path(image).stem}.json"
    if full in annotations:
        return folder / "ann" / full
    if legacy not in annotations:
        sentence = "has no annotation file."
        problems.append(Problem(f"{dataset}/img/{shown(image)}", "", sentence, f"Add {dataset}/ann/{shown(full)}."))
        return None
    if legacy in used:
        sentence = f"belongs to two images, {shown(used[legacy])!r} and {shown(image)!r}."
        remedy = f"Rename it to {shown(image)}.json and add the other one."
        problems.append(Problem(f"{dataset}/ann/{shown(legacy)}", "", sentence, remedy))
        return None
    used[legacy] = image
    return folder / "ann" / legacy


def _read_item(
    root: Path, folder: Path, image: str, annotation: Path | None, meta: Meta, problems: list[Problem]
) -> Item | None:
    path = folder / "img" / image
    dataset = shown(folder.name)
    file = f"{dataset}/img/{shown(image)}"
    header = None
    if _leads_out(root, path):
        problems.append(_leaves(file))
    elif not path.is_file():
        problems.append(Problem(file, "", "is not a file."))
    elif path.stat().st_size > _MAX_IMAGE_BYTES:
        problems.append(Problem(file, "", f"is larger than {_MAX_IMAGE_BYTES >> 30} GiB, which no image is."))
    else:
        try:
            with path.open("rb") as opened:
                header = read_image_header(opened)
        except NotAnImage as error:
            problems.append(Problem(file, "", str(error)))
        except OSError as error:
            problems.append(Problem(file, "", f"cannot be read: {error.strerror}."))
    if annotation is None:
        return None
    file = f"{dataset}/ann/{shown(annotation.name)}"
    data = _read_file(root, annotation, file, problems)
    if data is None:
        return None
    size = (header.width, header.height) if header else None
    problems += annotation_problems(data, meta, file, size)
    return Item(image, path, annotation, header) if header else None


def _read_file(root: Path, path: Path, file: str, problems: list[Problem]) -> bytes | None:
    try:
        if not path.exists() and not path.is_symlink():
            return None
        if _leads_out(root, path):
            problems.append(_leaves(file))
        elif not path.is_file():
            problems.append(Problem(file, "", "is not a file."))
        elif path.stat().st_size > _MAX_JSON_BYTES:
            sentence = f"is larger than {_MAX_JSON_BYTES >> 20} MiB, which no reader could hold."
            problems.append(Problem(file, "", sentence, "Divide the image, or its masks."))
        else:
            return path.read_bytes()
    except OSError as error:
        problems.append(Problem(file, "", f"cannot be read: {error.strerror}."))
    return None


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _is_inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _leads_out(root: Path, file: Path) -> bool:
    """For a file in a folder that is inside: then only a link can lead out."""
    return file.is_symlink() and not _is_inside(root, file)


def _leaves(file: str) -> Problem:
    return Problem(file, "", "is a link that leaves the project's folder.", "Copy what it points to.")
