"""Which folders of a project are datasets, and under which names (contract: project_format.md 1).

<project>/ds1/{img,ann}                          ds1
<project>/ds1/datasets/sub/{img,ann}             ds1/sub
<project>/group/ds2/{img,ann}                    ds2: a folder that is no dataset only groups
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from supervisely_lib.imaging.image import has_valid_ext

IMAGES, ANNOTATIONS, NESTED = "img", "ann", "datasets"
# Folders beside img and ann that later generations write; none of them holds datasets.
_COMPANIONS = frozenset({IMAGES, ANNOTATIONS, "img_info", "seg", "meta", "blob"})
_MOST_LEVELS = 32  # of folders; a link that leads back into the project would make the tree endless


class DatasetFolder(NamedTuple):
    """`path` is relative to the project. `parents` are the names of the folders above, without `datasets`."""

    path: str
    name: str
    parents: list[str]


def is_junk(name: str) -> bool:
    """Whether an entry was made by a system beside the user's own: hidden, of an archiver, of macOS (`._a.jpg`)."""
    return name.startswith((".", "__MACOSX"))


def dataset_folders(project: str) -> list[DatasetFolder]:
    """Datasets of a project, those of the project itself first. RuntimeError for a folder of images that is none."""
    return sorted(_below(project, []), key=lambda folder: (folder.name.split("/")[:-1], folder.name))


def nested_path(name: str) -> str:
    """The folder of the dataset of that name, relative to its project: ds1/sub → ds1/datasets/sub."""
    return os.path.join(*name.replace("/", f"/{NESTED}/").split("/"))


def full_name(parts: Sequence[str]) -> str:
    """The name of the dataset in a folder, whose path is given in parts; the path may begin above the project."""
    names = [parts[-1]]
    above = list(parts[:-1])
    while len(above) >= 2 and above[-1] == NESTED:
        names.insert(0, above[-2])
        del above[-2:]
    return "/".join(names)


def _below(project: str, parts: list[str]) -> Iterator[DatasetFolder]:
    if len(parts) > _MOST_LEVELS:
        return
    of_dataset = bool(parts) and _is_dataset(os.path.join(project, *parts))
    for name in _subfolders(os.path.join(project, *parts)):
        if is_junk(name) or (of_dataset and name in _COMPANIONS):
            continue
        inner = [*parts, name]
        if name == NESTED:
            yield from _below(project, inner)
            continue
        path = os.path.join(project, *inner)
        is_dataset = _is_dataset(path)
        if is_dataset:
            yield DatasetFolder(os.path.join(*inner), _name(inner), [part for part in inner[:-1] if part != NESTED])
        datasets = list(_below(project, inner))
        yield from datasets
        # More folders beside img and ann of a dataset are none of ours.
        if not (is_dataset or datasets or of_dataset) and _holds_images(path):
            raise RuntimeError(
                f"Folder {'/'.join(inner)!r} of project {project!r} holds images, but it is no dataset: "
                "images of a dataset lie in its folder img/, annotations in ann/."
            )


def _name(parts: Sequence[str]) -> str:
    """From the folder above the first `datasets` on; without such a folder the last part (as in the SDK of 2026)."""
    if NESTED not in parts:
        return parts[-1]
    start = max(0, list(parts).index(NESTED) - 1)
    return "/".join(part for part in parts[start:] if part != NESTED)


def _is_dataset(folder: str) -> bool:
    """Whether the folder is a dataset, or was meant to be."""
    return any(os.path.isdir(os.path.join(folder, part)) for part in (IMAGES, ANNOTATIONS))


def _holds_images(folder: str) -> bool:
    return any(has_valid_ext(name) and not is_junk(name) for _, _, names in os.walk(folder) for name in names)


def _subfolders(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())
