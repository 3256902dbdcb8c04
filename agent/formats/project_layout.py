"""Which folders of a project are datasets, and under which names (contract: project_format.md 1).

    <project>/ds1/{img,ann}                       ds1
    <project>/ds1/datasets/sub/{img,ann}          ds1/sub
    <project>/group/ds2/{img,ann}                 ds2: a folder that is no dataset only groups

`supervisely_lib/project/folders.py` says the same for plugins. Nothing is left out in silence: a folder of images
that is no dataset is a problem, anything else that is ignored is a note.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.errors import Problem
from agent.formats.image_header import EXTENSIONS
from agent.formats.meta import META
from agent.formats.project_entries import LINKED_OUT, exists, is_file, is_folder, is_junk, leaves, names
from agent.fs.beneath import OpenFolder
from agent.fs.names import shown

IMAGES, ANNOTATIONS, NESTED = "img", "ann", "datasets"
# Folders beside img and ann that other programs write; none of them holds datasets.
_COMPANIONS = frozenset({IMAGES, ANNOTATIONS, "img_info", "seg", "meta", "blob"})
_OTHER_KINDS = {
    "video": "videos",
    "pointcloud": "point clouds",
    "volume": "volumes",
    "related_images": "point clouds",
}
_TYPES = {
    "videos": "videos",
    "point_clouds": "point clouds",
    "point_cloud_episodes": "point clouds",
    "volumes": "volumes",
    "meshes": "meshes",
}
_MOST_LEVELS = 32
IN_DATASETS = "Images lie in DATASET/img/, their annotations in DATASET/ann/."


@dataclass(frozen=True, slots=True)
class DatasetPlace:
    """A dataset's folder, relative to the project, and its name: `ds1/datasets/sub`, `ds1/sub`."""

    path: str
    name: str


@dataclass(slots=True)
class Layout:
    datasets: list[DatasetPlace] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


def dataset_path(name: str) -> str:
    """The folder of a dataset, relative to its project: `ds1/sub` → `ds1/datasets/sub`. Pure."""
    return name.replace("/", f"/{NESTED}/")


def in_order(name: str) -> tuple[list[str], str]:
    """Sorts names of datasets: those of the project itself first, as the official SDK of 2026 does. Pure."""
    return name.split("/")[:-1], name


def read_layout(root: OpenFolder) -> Layout:
    """The datasets, those of the project itself first. Raises OSError for a folder that may not be listed."""
    layout = Layout()
    places = [DatasetPlace("/".join(parts), _name(parts)) for parts in _below(root, (), layout)]
    known: dict[str, str] = {}
    for place in sorted(places, key=lambda place: (in_order(place.name), place.path.count("/"), place.path)):
        if place.name in known:
            sentence = f"is a second dataset named {shown(place.name)!r}, like {shown(known[place.name])}."
            layout.problems.append(Problem(shown(place.path), "", sentence, "Rename one of the folders."))
        known[place.name] = place.path
        layout.datasets.append(place)
    return layout


def other_kind(meta: object) -> str | None:
    """What a project holds, by its meta, if it does not hold images."""
    kind = meta.get("projectType") if isinstance(meta, dict) else None
    return _TYPES.get(kind) if isinstance(kind, str) else None


def not_images(place: str, what: str) -> Problem:
    """The problem of a project of another kind."""
    sentence = f"this is a project of {what}, and plugins for neural networks read projects of images."
    return Problem(place, "", sentence, "Export single images of it as a project of images.")


def missing_meta(root: OpenFolder) -> tuple[Problem, bool]:
    """Why a folder without meta.json is no project, by what lies in it; and whether it is one but for that file."""
    inner = _with_meta(root)
    datasets = [name for name in inner if is_folder(root, f"{name}/{IMAGES}")]
    projects = [name for name in inner if name not in datasets]
    remedy = "Write one with the classes and tags of the annotations."
    if len(projects) > 1:
        listed = ", ".join(repr(shown(name)) for name in projects[:10])
        remedy = f"It holds several projects: {listed}. Add each of them by itself."
    elif projects:
        remedy = f"The project seems to be the folder {shown(projects[0])!r} in it."
    elif datasets:
        place = f"{shown(datasets[0])}/{META}"
        remedy = f"{place} lies in the folder of a dataset: move it up, beside the dataset's folder."
    elif is_folder(root, IMAGES):
        remedy = "This folder seems to be a dataset: give the folder above it, in which meta.json lies."
    elif _has_images(root, ""):
        remedy = f"A folder of images alone is no project. {IN_DATASETS}"
    else:
        return Problem(META, "", "is missing.", remedy), True
    return Problem(META, "", "is missing.", remedy), False


def _with_meta(root: OpenFolder) -> list[str]:
    """The folders in the root that have a meta.json, or those below it where folders lie alone in one another."""
    above = ""
    for _ in range(_MOST_LEVELS):
        paths = [f"{above}{name}" for name in names(root, above.rstrip("/")) if not is_junk(name)]
        found = [path for path in paths if is_file(root, f"{path}/{META}")]
        folders = [path for path in paths if is_folder(root, path) and root.resolve(path) == path]
        if found or len(folders) != 1:
            return found
        above = f"{folders[0]}/"
    return []


def _below(root: OpenFolder, above: tuple[str, ...], layout: Layout) -> list[tuple[str, ...]]:
    """Paths of the datasets below a folder, in parts."""
    if len(above) > _MOST_LEVELS:
        layout.problems.append(Problem(shown("/".join(above)), "", "lies too deep to be read.", "Move it up."))
        return []
    is_in_dataset = bool(above) and _is_dataset(root, "/".join(above))
    found = []
    for name in names(root, "/".join(above)):
        parts = (*above, name)
        path = "/".join(parts)
        if is_junk(name) or (is_in_dataset and name in _COMPANIONS) or not _is_listed(root, path, layout):
            if name.startswith(".") and _is_dataset(root, path):
                layout.notes.append(Problem(shown(path), "", "is a dataset, but it is hidden and is ignored."))
            continue
        if not above and name in (IMAGES, ANNOTATIONS) and not _is_dataset(root, name):
            if name == IMAGES or not exists(root, IMAGES):
                layout.problems.append(_flat(root, name))
            continue
        is_dataset = name != NESTED and _is_dataset(root, path)
        if kind := _other_kind_in(root, path):
            layout.problems.append(not_images(shown(path), kind))
            continue
        is_link = root.resolve(path) != path  # may lead to a folder above, so nothing is looked for below it
        inner = [] if is_link else _below(root, parts, layout)
        found += [parts, *inner] if is_dataset else inner
        if not (is_dataset or inner or name == NESTED):
            _judge_other(root, path, layout, is_in_dataset=is_in_dataset)
    return found


def _judge_other(root: OpenFolder, path: str, layout: Layout, *, is_in_dataset: bool) -> None:
    """A folder without datasets."""
    if _has_images(root, path) and not is_in_dataset:
        above = shown(path.rpartition("/")[0])
        sentence, remedy = "has images but no img folder.", "Move them to img/, annotations to ann/."
        if above:
            sentence = f"has images, but the images of a dataset lie in its folder {IMAGES}."
            remedy = f"Rename it to {above}/{IMAGES}, and the folder of the annotations to {above}/{ANNOTATIONS}."
        layout.problems.append(Problem(shown(path), "", sentence, remedy))
    elif not any(said.file.startswith(f"{shown(path)}/") for said in (*layout.notes, *layout.problems)):
        layout.notes.append(Problem(shown(path), "", "is no dataset and is ignored."))


def _flat(root: OpenFolder, name: str) -> Problem:
    if not is_folder(root, name):
        return Problem(name, "", "is not a folder.")
    sentence = f"{IMAGES} and {ANNOTATIONS} lie beside {META}, not in the folder of a dataset."
    return Problem("", "", sentence, f"Make a folder, such as ds0, and move {IMAGES} and {ANNOTATIONS} into it.")


def _is_listed(root: OpenFolder, path: str, layout: Layout) -> bool:
    """Whether it is a folder of this project. A link is judged without a look at what it leads to."""
    try:
        return stat.S_ISDIR(root.status(root.resolve(path) or ".").st_mode)
    except OSError as error:
        if error.errno in LINKED_OUT and path != META:
            layout.problems.append(leaves(shown(path)))
        return False


def _other_kind_in(root: OpenFolder, path: str) -> str | None:
    """What a dataset's folder holds in place of images."""
    if exists(root, f"{path}/{IMAGES}"):
        return None
    return next((what for name, what in _OTHER_KINDS.items() if is_folder(root, f"{path}/{name}")), None)


def _is_dataset(root: OpenFolder, path: str) -> bool:
    """Whether the folder is a dataset, or was meant to be."""
    return exists(root, f"{path}/{IMAGES}") or exists(root, f"{path}/{ANNOTATIONS}")


def _has_images(root: OpenFolder, path: str) -> bool:
    return any(
        name.lower().endswith(EXTENSIONS) and not is_junk(name) and is_file(root, f"{path}/{name}")
        for name in names(root, path)
    )


def _name(parts: Sequence[str]) -> str:
    """From the folder above the first `datasets` on; without such a folder the last part (as the SDK of 2026)."""
    if NESTED not in parts:
        return parts[-1]
    start = max(0, list(parts).index(NESTED) - 1)
    return "/".join(part for part in parts[start:] if part != NESTED)
