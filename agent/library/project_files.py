"""A project of the library, written out as a folder in Supervisely format (contract: project_format.md 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import Image, Project
from agent.errors import Invalid, Problem
from agent.formats.annotation import META
from agent.formats.image_header import EXTENSION_OF_MIME, EXTENSIONS
from agent.formats.json_text import compact
from agent.formats.names import name_problem, shown

if TYPE_CHECKING:
    from agent.artifacts import Artifacts, PlaceHow, PlaceMethod
    from agent.store import Store

_LOOK_UP_EVERY = 200  # images


@dataclass(frozen=True, slots=True)
class Written:
    images_count: int
    method: PlaceMethod  # "hardlink" as soon as one image shares its bytes with the library


def write_project(
    store: Store,
    artifacts: Artifacts,
    project: Project,
    folder: Path,
    *,
    how: PlaceHow,
    keep_going: Callable[[], None] = lambda: None,
) -> Written:
    """Write meta.json, images and annotations, byte for byte as imported, into the empty `folder`.

    `keep_going` is called now and then; what it raises ends the writing. Raises Invalid for names that would
    not stay in the folder, NotFound for images whose bytes are gone, DiskFull, StorageFailed, OSError.
    """
    (folder / META).write_text(compact(project.meta))
    methods: Counter[PlaceMethod] = Counter()
    count = 0
    for dataset in store.projects.datasets(project.id):
        _require_good(project, dataset.name, "dataset")
        images_folder, annotations_folder = folder / dataset.name / "img", folder / dataset.name / "ann"
        images_folder.mkdir(parents=True)
        annotations_folder.mkdir()
        for image in store.projects.images(dataset.id):
            if count % _LOOK_UP_EVERY == 0:
                keep_going()
            count += 1
            name = _file_name(image)
            _require_good(project, name, "image")
            try:
                methods[artifacts.place(image.sha256, images_folder / name, how)] += 1
                with (annotations_folder / f"{name}.json").open("xb") as out:
                    out.write(_annotation(image))
            except FileExistsError:
                raise _invalid(project, "image", name, "appears twice in its dataset") from None
    method: PlaceMethod = "hardlink" if methods["hardlink"] else "reflink" if methods["reflink"] else "copy"
    return Written(count, method)


def _file_name(image: Image) -> str:
    """The image's name; without extension it gets the one of its kind, as the original agent does."""
    if image.name.lower().endswith(EXTENSIONS):
        return image.name
    return image.name + EXTENSION_OF_MIME.get(image.mime, "")


def _annotation(image: Image) -> bytes:
    """As imported; an image that came without one gets an empty one, because no plugin reads it otherwise."""
    if image.annotation.strip():
        return image.annotation.encode()
    size = {"height": image.height, "width": image.width}
    return compact({"description": "", "size": size, "tags": [], "objects": []}).encode()


def _require_good(project: Project, name: str, what: str) -> None:
    if problem := name_problem(name):
        raise _invalid(project, what, name, problem)


def _invalid(project: Project, what: str, name: str, sentence: str) -> Invalid:
    problem = Problem(shown(name[:80]), "", f"the {what}'s name {sentence}.", "Rename it.")
    return Invalid(f"Project {shown(project.name)!r}", [problem])
