"""The projects of a check, as folders: a part of a project, and what is unusual made of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import BadInput
from agent.formats.image_header import EXTENSIONS
from agent.formats.json_values import compact
from agent.formats.project_layout import dataset_path
from agent.fs.names import shown
from agent.library.project_files import annotation_bytes, file_name
from agent.library.project_files import shapes_of as shapes_of_project
from agent.workbench.dev.choosing import candidate, chosen

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.domain import Project
    from agent.store import Store

MOST_READ = 5000  # images of which a part is chosen
OTHER = " (other)"  # behind the names of classes in the project with other classes
EMPTY = "a class without objects"

Change = Callable[[dict[str, Any]], dict[str, Any]]


def part(source: Path, dest: Path, count: int) -> Path:
    """Copy at most `count` images that stand for the others, with their annotations. Raises BadInput without any."""
    if not (source / "meta.json").is_file():
        raise BadInput(
            f"{shown(str(source))} has no meta.json; give the folder of a project, or none: then one is drawn"
        )
    files = []
    for image in _images(source):
        files.append(image)
        if len(files) == MOST_READ:
            break
    if not files:
        raise BadInput(f"{shown(str(source))} has no images; give a project's folder, or none: then one is drawn")
    found = [candidate(i, str(image.parent.parent), _text(_annotation(image))) for i, image in enumerate(files)]
    dest.mkdir(parents=True)
    shutil.copyfile(source / "meta.json", dest / "meta.json")
    for i in chosen(found, count):
        for file in (files[i], _annotation(files[i])):
            if file.is_file():
                place = dest / file.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
    for image in _images(dest):
        _annotation(image).parent.mkdir(exist_ok=True)
    return dest


def part_of_library(store: Store, artifacts: Artifacts, project: Project, dest: Path, count: int) -> Path:
    """The same of a project of the library. Raises BadInput without an image, NotFound where its bytes are gone."""
    images = [
        (dataset, image)
        for dataset in store.datasets.list(project.id)
        for image in islice(store.images.of_dataset(dataset.id), MOST_READ)
    ]
    if not images:
        raise BadInput(f"project {shown(project.name)} has no images; name another, or none: then one is drawn")
    found = [candidate(i, dataset.name, image.annotation) for i, (dataset, image) in enumerate(images)]
    shapes = shapes_of_project(project)
    dest.mkdir(parents=True)
    (dest / "meta.json").write_text(compact(project.meta))
    for dataset, image in (images[i] for i in chosen(found, count)):
        folder, name = dest / dataset_path(dataset.name), file_name(image.name, image.mime)
        for part_name in ("img", "ann"):
            (folder / part_name).mkdir(parents=True, exist_ok=True)
        artifacts.place(image.sha256, folder / "img" / name, "private")
        (folder / "ann" / f"{name}.json").write_bytes(annotation_bytes(image, shapes))
    return dest


def shortest_side(project: Path) -> int:
    """Of all images, in pixels."""
    from PIL import Image  # late: only a check looks

    sides: list[int] = []
    for file in _images(project):
        with Image.open(file) as image:
            sides += image.size
    return min(sides, default=1)


def shapes_of(project: Path) -> set[str]:
    return {str(one.get("shape")) for one in json.loads((project / "meta.json").read_bytes())["classes"]}


def with_other_classes(project: Path, dest: Path, purposes: Collection[str]) -> tuple[Path, list[str]]:
    """A copy whose classes have other names, and these. Without classes, tags that are no `purposes` count as such."""

    def renamed(title: str) -> str:
        return title if title in purposes else f"{title}{OTHER}"

    def meta(said: dict[str, Any]) -> dict[str, Any]:
        classes = [{**one, "title": renamed(one["title"])} for one in said["classes"]]
        tags = said["tags"] if classes else [{**one, "name": renamed(one["name"])} for one in said["tags"]]
        return {**said, "classes": classes, "tags": tags}

    def annotation(said: dict[str, Any]) -> dict[str, Any]:
        objects = [{**one, "classTitle": renamed(one["classTitle"])} for one in said.get("objects", ())]
        tags = said.get("tags", [])
        if not _titles(before):
            tags = [
                renamed(one) if isinstance(one, str) else {**one, "name": renamed(one["name"])} for one in tags
            ]  # fmt: skip
        return {**said, "objects": objects, "tags": tags}

    before = json.loads((project / "meta.json").read_bytes())
    _changed(project, dest, meta, annotation)
    return dest, [renamed(title) for title in _titles(before)]


def with_empty_class(project: Path, dest: Path) -> Path:
    def meta(said: dict[str, Any]) -> dict[str, Any]:
        color = {"color": "#123456"}
        if said["classes"]:
            return {**said, "classes": [*said["classes"], {**said["classes"][0], "title": EMPTY, **color}]}
        return {**said, "tags": [*said["tags"], {"name": EMPTY, "value_type": "none", **color}]}

    return _changed(project, dest, meta, lambda said: said)


def in_grey(project: Path, dest: Path) -> Path:
    """A copy whose images have one channel."""
    from PIL import Image  # late, as above

    shutil.copytree(project, dest)
    for file in _images(dest):
        with Image.open(file) as image:
            grey = image.convert("L")
        grey.save(file)
    return dest


def of_one_pixel(project: Path, dest: Path) -> Path:
    """A project of the same meta with one image of a single pixel."""
    from PIL import Image  # late, as above

    for folder in ("img", "ann"):
        (dest / "ds" / folder).mkdir(parents=True)
    shutil.copyfile(project / "meta.json", dest / "meta.json")
    Image.new("RGB", (1, 1), (90, 120, 60)).save(dest / "ds" / "img" / "pixel.png")
    said = {"description": "", "size": {"height": 1, "width": 1}, "tags": [], "objects": []}
    (dest / "ds" / "ann" / "pixel.png.json").write_text(json.dumps(said))
    return dest


def _changed(project: Path, dest: Path, meta: Change, annotation: Change) -> Path:
    shutil.copytree(project, dest)
    _rewrite(dest / "meta.json", meta)
    for image in _images(dest):
        if (file := _annotation(image)).is_file():
            _rewrite(file, annotation)
    return dest


def _rewrite(file: Path, change: Change) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_bytes()))), encoding="utf-8")


def _titles(meta: Mapping[str, Any]) -> list[str]:
    return [str(one["title"]) for one in meta["classes"]]


def _images(project: Path) -> Iterator[Path]:
    for file in sorted(project.glob("**/img/*")):
        if file.name.lower().endswith(EXTENSIONS):
            yield file


def _annotation(image: Path) -> Path:
    return image.parent.parent / "ann" / f"{image.name}.json"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
