"""A project of the library, written out as a folder in Supervisely format (contract: project_format.md 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.artifacts import Blob
from agent.artifacts.portions import brought
from agent.domain import Image, Project
from agent.errors import Invalid, Problem
from agent.formats.image_header import EXTENSION_OF_MIME, EXTENSIONS
from agent.formats.json_values import compact
from agent.formats.label_shapes import complete_text
from agent.formats.meta import META, check_meta
from agent.formats.meta_ids import with_ids
from agent.formats.project_layout import ANNOTATIONS, IMAGES, dataset_path
from agent.fs.disk import write_new
from agent.fs.names import name_problem, shown

if TYPE_CHECKING:
    from agent.artifacts import Artifacts, PlaceHow, PlaceMethod
    from agent.store import ImageFile, Store

_TOLD_EVERY = 100


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
    meta_ids: bool = False,
    keep_going: Callable[[], None] = lambda: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Written:
    """Write meta.json, images and annotations into the empty `folder`: images byte for byte as imported.

    Annotations too, if each object names its shape; else the names are added. With `meta_ids` every class and tag
    has its id, as in the meta that the official agent gets from its server. `keep_going` is called now and then; what
    it raises ends the writing. `progress` is told how many images are written. Raises Invalid for names that would not
    stay in the folder, NotFound for images whose bytes are gone, DiskFull, StorageFailed, OSError.
    """
    meta = with_ids(project.meta, project.id, known=project.meta) if meta_ids else project.meta
    (folder / META).write_text(compact(meta))
    shapes = shapes_of(project)
    methods: Counter[PlaceMethod] = Counter()
    count = 0
    for dataset in store.datasets.list(project.id):
        require_good_dataset(project, dataset.name)
        dataset_folder = folder / dataset_path(dataset.name)
        images_folder, annotations_folder = dataset_folder / IMAGES, dataset_folder / ANNOTATIONS
        images_folder.mkdir(parents=True)
        annotations_folder.mkdir()
        for image in brought(artifacts, store.images.files_of_dataset(dataset.id), blob_of, keep_going):
            if count % _TOLD_EVERY == 0:
                progress(count)
            count += 1
            name = file_name(image.name, image.mime)
            require_good(project, name, "image")
            try:
                methods[artifacts.place(image.sha256, images_folder / name, how)] += 1
                write_new(f"{annotations_folder}/{name}.json", annotation_bytes(image, shapes))
            except FileExistsError:
                raise invalid_name(project, "image", name, "appears twice in its dataset") from None
    method: PlaceMethod = "hardlink" if methods["hardlink"] else "reflink" if methods["reflink"] else "copy"
    return Written(count, method)


def blob_of(image: Image | ImageFile) -> Blob:
    return Blob(image.sha256, image.size_bytes)


def file_name(name: str, mime: str) -> str:
    """An image's name; without extension it gets the one of its kind, as the original agent does."""
    return name if name.lower().endswith(EXTENSIONS) else name + EXTENSION_OF_MIME.get(mime, "")


def shapes_of(project: Project) -> Mapping[str, str]:
    """Class title → shape."""
    return check_meta(project.meta)[0].shapes


def annotation_bytes(image: Image | ImageFile, shapes: Mapping[str, str]) -> bytes:
    """As imported, with the shape's name in every object; newer readers end with a KeyError without it.

    An image that came without an annotation gets an empty one, because no plugin reads it otherwise.
    """
    if image.annotation.strip():
        return complete_text(image.annotation, shapes).encode()
    size = {"height": image.height, "width": image.width}
    return compact({"description": "", "size": size, "tags": [], "objects": []}).encode()


def require_good_dataset(project: Project, name: str) -> None:
    """The same for a dataset, whose name may have parts: `ds1/sub`."""
    parts = name.split("/")
    if problem := next((wrong for part in parts if (wrong := name_problem(part))), None):
        raise invalid_name(project, "dataset", name, problem if len(parts) == 1 else f"has a part that {problem}")


def require_good(project: Project, name: str, what: str) -> None:
    """Raises Invalid for a name that cannot name a file or folder."""
    if problem := name_problem(name):
        raise invalid_name(project, what, name, problem)


def invalid_name(project: Project, what: str, name: str, sentence: str) -> Invalid:
    problem = Problem(shown(name[:80]), "", f"the {what}'s name {sentence}.", "Rename it.")
    return Invalid(f"Project {shown(project.name)!r}", [problem])
