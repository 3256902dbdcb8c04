"""Datasets on disk: images and their annotations (contract: project_format.md 1)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from supervisely_lib.annotation.annotation import ANN_EXT, Annotation
from supervisely_lib.collection.key_indexed_collection import KeyObject
from supervisely_lib.geometry.drawing import Array
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.io import fs
from supervisely_lib.io.json import dump_json_file
from supervisely_lib.project.folders import NESTED, full_name

APPLE_DOUBLE = "._"  # files that macOS writes beside a file of the same name, for what other file systems cannot keep


class OpenMode(Enum):
    """READ opens an existing folder, CREATE makes a new one."""

    READ = 1
    CREATE = 2


class ItemPaths(NamedTuple):
    """The paths of an image and its annotation."""

    img_path: str
    ann_path: str


def require_empty(directory: str, what: str) -> None:
    """RuntimeError if the folder is not empty."""
    if os.path.isdir(directory) and os.listdir(directory):
        raise RuntimeError(f"Cannot create new {what} {directory!r}: directory already exists and is not empty")


class Dataset(KeyObject):
    """Images with annotations. Iteration gives image names, sorted."""

    def __init__(
        self, directory: str, mode: OpenMode, parents: Sequence[str] | None = None, name: str | None = None
    ) -> None:
        """FileNotFoundError without img/ or ann/; RuntimeError for an image without annotation, or the reverse alone.

        parents, name: as its project has found them; else they come from the folder's path.
        """
        if not isinstance(mode, OpenMode):
            raise TypeError(f"Argument 'mode' has type {type(mode)!r}. Correct type is OpenMode")
        self._directory = os.path.normpath(directory)
        self._name = full_name(self._directory.split(os.sep)) if name is None else name
        self.parents = self._name.split("/")[:-1] if parents is None else list(parents)
        self._item_to_ann: dict[str, str] = {}
        if mode is OpenMode.READ:
            self._read()
        else:
            require_empty(self._directory, "dataset")
            fs.mkdir(self.img_dir)
            fs.mkdir(self.ann_dir)

    @property
    def name(self) -> str:
        """Its name; that of a dataset in another dataset begins with the name of the other: `ds1/sub`."""
        return self._name

    @property
    def short_name(self) -> str:
        """Name of the dataset's folder."""
        return os.path.basename(self._directory)

    @property
    def path(self) -> str:
        """The dataset's folder, relative to the project: `ds1/datasets/sub`."""
        return os.path.join(*(part for parent in self.parents for part in (parent, NESTED)), self.short_name)

    def key(self) -> str:
        return self.name

    @property
    def directory(self) -> str:
        """The dataset's folder."""
        return self._directory

    @property
    def img_dir(self) -> str:
        """Folder of the images."""
        return os.path.join(self._directory, "img")

    @property
    def ann_dir(self) -> str:
        """Folder of the annotations."""
        return os.path.join(self._directory, "ann")

    def _read(self) -> None:
        if not os.path.isdir(self.img_dir):
            raise FileNotFoundError(f"Image directory not found: {self.img_dir!r}")
        if not os.path.isdir(self.ann_dir):
            raise FileNotFoundError(f"Annotation directory not found: {self.ann_dir!r}")
        annotations = {name for name in os.listdir(self.ann_dir) if not name.startswith(APPLE_DOUBLE)}
        owners: dict[str, str] = {}
        images = [name for name in os.listdir(self.img_dir) if not name.startswith(APPLE_DOUBLE)]
        for image in sorted(filter(sly_image.has_valid_ext, images)):
            candidates = (image + ANN_EXT, os.path.splitext(image)[0] + ANN_EXT)
            annotation = next((name for name in candidates if name in annotations), None)
            if annotation is None:
                raise RuntimeError(
                    f"Image {image!r} in dataset {self.name!r} does not have a corresponding annotation file."
                )
            if annotation in owners:
                raise RuntimeError(
                    f"Annotation file {annotation!r} in dataset {self.name!r} matches two different image files: "
                    f"{owners[annotation]!r} and {image!r}."
                )
            owners[annotation] = image
            self._item_to_ann[image] = annotation
        if annotations and not self._item_to_ann:
            raise RuntimeError(f"Dataset {self.name!r} has annotations, but no images.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._item_to_ann)

    def __len__(self) -> int:
        return len(self._item_to_ann)

    def item_exists(self, item_name: str) -> bool:
        """Whether the dataset has an image of that name."""
        return item_name in self._item_to_ann

    def get_img_path(self, item_name: str) -> str:
        """Path of the image. RuntimeError if the dataset has no image of that name."""
        self._require(item_name)
        return os.path.join(self.img_dir, item_name)

    def get_ann_path(self, item_name: str) -> str:
        """Path of the image's annotation. RuntimeError if the dataset has no image of that name."""
        self._require(item_name)
        return os.path.join(self.ann_dir, self._item_to_ann[item_name])

    def get_item_paths(self, item_name: str) -> ItemPaths:
        """Paths of the image and its annotation."""
        return ItemPaths(self.get_img_path(item_name), self.get_ann_path(item_name))

    item_dir_name = "img"
    annotation_class = Annotation

    @property
    def item_dir(self) -> str:
        """Its folder of images; the name of `img_dir` since 2020."""
        return self.img_dir

    def get_item_path(self, item_name: str) -> str:
        """The path of an image; the name of `get_img_path` since 2020."""
        return self.get_img_path(item_name)

    def generate_item_path(self, item_name: str) -> str:
        """The path that an image of this name has or would have."""
        return os.path.join(self.img_dir, item_name)

    def _require(self, item_name: str) -> None:
        if item_name not in self._item_to_ann:
            raise RuntimeError(f"Item {item_name} not found in the project: no such image in dataset {self.name!r}.")

    def add_item_file(
        self,
        item_name: str,
        item_path: str | None = None,
        ann: Annotation | Mapping[str, Any] | str | None = None,
        _validate_img: bool = True,
        _use_hardlink: bool = False,
        *,
        img_path: str | None = None,
        _validate_item: bool = True,
    ) -> None:
        """Add an image from a file. ann: an annotation, its JSON, its file, or None for an empty annotation.

        `img_path` and `_validate_img` are names of 2019, `item_path` and `_validate_item` names of 2020.
        """
        target = self._new_image_path(item_name)
        item_path = img_path if item_path is None else item_path
        if item_path is None:
            raise TypeError("add_item_file() needs the path of the image")
        if _validate_img and _validate_item:
            sly_image.validate_format(item_path)
        if os.path.abspath(item_path) != os.path.abspath(target):
            (fs.hardlink_or_copy_file if _use_hardlink else fs.copy_file)(item_path, target)
        self._add(item_name, ann)

    def add_item_np(self, item_name: str, img: Array, ann: Annotation | Mapping[str, Any] | str | None = None) -> None:
        """Add an image uint8 (h, w, 3), RGB, encoded in the format of its extension."""
        target = self._new_image_path(item_name)
        sly_image.write(target, img)
        self._add(item_name, ann, img.shape[:2])

    def add_item_raw_bytes(
        self, item_name: str, item_raw_bytes: bytes, ann: Annotation | Mapping[str, Any] | str | None = None
    ) -> None:
        """Add an image from the content of its file."""
        target = self._new_image_path(item_name)
        size = sly_image.read_bytes(item_raw_bytes).shape[:2]
        with open(target, "wb") as file:
            file.write(item_raw_bytes)
        self._add(item_name, ann, size)

    def _new_image_path(self, item_name: str) -> str:
        if os.path.basename(item_name) != item_name:
            raise RuntimeError(f"Image name {item_name!r} must not hold a path.")
        if item_name in self._item_to_ann:
            raise RuntimeError(f"Image {item_name!r} already exists in dataset {self.name!r}.")
        if not sly_image.has_valid_ext(item_name):
            raise RuntimeError(f"Image name {item_name!r} has unsupported extension.")
        return os.path.join(self.img_dir, item_name)

    def _add(self, item_name: str, ann: Any, size: Iterable[int] | None = None) -> None:
        self._item_to_ann[item_name] = item_name + ANN_EXT
        if ann is None:
            path = self.get_img_path(item_name)
            ann = Annotation.from_img_path(path) if size is None else Annotation(tuple(size))
        if isinstance(ann, Annotation):
            self.set_ann(item_name, ann)
        elif isinstance(ann, (str, os.PathLike)):
            self.set_ann_file(item_name, os.fspath(ann))
        else:
            self.set_ann_dict(item_name, ann)

    def set_ann(self, item_name: str, ann: Annotation) -> None:
        """Write the image's annotation."""
        if not isinstance(ann, Annotation):
            raise TypeError(f"Type of 'ann' should be Annotation, not a {type(ann).__name__}")
        self.set_ann_dict(item_name, ann.to_json())

    def set_ann_file(self, item_name: str, ann_path: str) -> None:
        """Copy the image's annotation from a file."""
        fs.copy_file(ann_path, self.get_ann_path(item_name))

    def set_ann_dict(self, item_name: str, ann: Mapping[str, Any]) -> None:
        """Write the image's annotation from its JSON."""
        if not isinstance(ann, Mapping):
            raise TypeError(f"Ann should be a dict, not a {type(ann).__name__}")
        dump_json_file(ann, self.get_ann_path(item_name))
