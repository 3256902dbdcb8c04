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
        require_good(project, dataset.name, "dataset")
        images_folder, annotations_folder = folder / dataset.name / "img", folder / dataset.name / "ann"
        images_folder.mkdir(parents=True)
        annotations_folder.mkdir()
        for image in store.projects.images(dataset.id):
            if count % _LOOK_UP_EVERY == 0:
                keep_going()
            count += 1
            name = file_name(image.name, image.mime)
            require_good(project, name, "image")
            try:
                methods[artifacts.place(image.sha256, images_folder / name, how)] += 1
                with (annotations_folder / f"{name}.json").open("xb") as out:
                    out.write(annotation_bytes(image))
            except FileExistsError:
                raise invalid_name(project, "image", name, "appears twice in its dataset") from None
    method: PlaceMethod = "hardlink" if methods["hardlink"] else "reflink" if methods["reflink"] else "copy"
    return Written(count, method)


def file_name(name: str, mime: str) -> str:
    """An image's name; without extension it gets the one of its kind, as the original agent does."""
    return name if name.lower().endswith(EXTENSIONS) else name + EXTENSION_OF_MIME.get(mime, "")


def annotation_bytes(image: Image) -> bytes:
    """As imported; an image that came without one gets an empty one, because no plugin reads it otherwise."""
    if image.annotation.strip():
        return image.annotation.encode()
    size = {"height": image.height, "width": image.width}
    return compact({"description": "", "size": size, "tags": [], "objects": []}).encode()


def require_good(project: Project, name: str, what: str) -> None:
    """Raises Invalid for a name that cannot name a file or folder."""
    if problem := name_problem(name):
        raise invalid_name(project, what, name, problem)


def invalid_name(project: Project, what: str, name: str, sentence: str) -> Invalid:
    problem = Problem(shown(name[:80]), "", f"the {what}'s name {sentence}.", "Rename it.")
    return Invalid(f"Project {shown(project.name)!r}", [problem])
