"""Projects and datasets on disk (contract: project_format.md 1).

<project>/meta.json
<project>/<dataset>/img/<image>
<project>/<dataset>/ann/<image>.json        (or, legacy, the image's name without its extension + .json)
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from supervisely_lib._lazy import lazy
from supervisely_lib.collection.key_indexed_collection import KeyIndexedCollection
from supervisely_lib.io import fs
from supervisely_lib.io.json import dump_json_file
from supervisely_lib.project.dataset import Dataset, ItemPaths, OpenMode, require_empty
from supervisely_lib.project.project_meta import ProjectMeta

__all__ = ["Dataset", "ItemPaths", "OpenMode", "Project", "read_single_project"]

META_FILE = "meta.json"


def _subfolders(directory: str) -> list[str]:
    """Names of the folders inside, sorted, without hidden ones and what archivers leave behind."""
    return [name for name in fs.get_subdirs(directory) if not name.startswith((".", "__MACOSX"))]


class Project:
    """A folder with datasets. Iterating gives the datasets, sorted by name."""

    class DatasetDict(KeyIndexedCollection[Dataset]):
        """Datasets by name."""

        item_type = Dataset

    def __init__(self, directory: str, mode: OpenMode) -> None:
        """READ: FileNotFoundError without meta.json, InvalidMeta, RuntimeError without datasets, errors of Dataset.
        CREATE: RuntimeError if the folder holds something."""
        if not isinstance(mode, OpenMode):
            raise TypeError(f"Argument 'mode' has type {type(mode)!r}. Correct type is OpenMode")
        self._directory = os.path.normpath(directory)
        self._meta = ProjectMeta()
        self._datasets = Project.DatasetDict()
        if mode is OpenMode.READ:
            self._read()
        else:
            require_empty(self._directory, "project")
            fs.mkdir(self._directory)
            self.set_meta(self._meta)

    def _read(self) -> None:
        self._meta = ProjectMeta.load_json_file(self._meta_path)
        folders = [os.path.join(self._directory, name) for name in _subfolders(self._directory)]
        self._datasets = Project.DatasetDict([Dataset(folder, OpenMode.READ) for folder in folders])
        if not self._datasets:
            raise RuntimeError(f"Project is empty: no dataset in {self._directory!r}")

    @property
    def _meta_path(self) -> str:
        return os.path.join(self._directory, META_FILE)

    @property
    def name(self) -> str:
        """Name of its folder."""
        return os.path.basename(self._directory)

    @property
    def parent_dir(self) -> str:
        """The folder it lies in."""
        return os.path.dirname(self._directory)

    @property
    def directory(self) -> str:
        """Its folder."""
        return self._directory

    @property
    def meta(self) -> ProjectMeta:
        """Its classes and tags."""
        return self._meta

    @property
    def datasets(self) -> DatasetDict:
        """Datasets by name."""
        return self._datasets

    @property
    def total_items(self) -> int:
        """Number of images in all datasets."""
        return sum(map(len, self._datasets))

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self._datasets)

    def set_meta(self, new_meta: ProjectMeta) -> None:
        """Replace the classes and tags, also on disk."""
        self._meta = new_meta
        dump_json_file(new_meta.to_json(), self._meta_path)

    def create_dataset(self, ds_name: str) -> Dataset:
        """Add an empty dataset. RuntimeError if its folder holds something."""
        dataset = Dataset(os.path.join(self._directory, ds_name), OpenMode.CREATE)
        self._datasets = self._datasets.add(dataset)
        return dataset

    def copy_data(
        self, dst_directory: str, dst_name: str | None = None, _validate_img: bool = True, _use_hardlink: bool = False
    ) -> Project:
        """A copy in dst_directory, under another name if given."""
        copy = Project(os.path.join(dst_directory, dst_name or self.name), OpenMode.CREATE)
        copy.set_meta(self._meta)
        for dataset in self:
            new = copy.create_dataset(dataset.name)
            for item in dataset:
                image, annotation = dataset.get_item_paths(item)
                new.add_item_file(item, image, annotation, _validate_img, _use_hardlink)
        return copy


def read_single_project(dir: str) -> Project:
    """The one project in a folder. RuntimeError if the folder holds more or fewer than one."""
    folders = _subfolders(dir)
    if len(folders) != 1:
        names = f": {', '.join(folders)}" if folders else ""
        raise RuntimeError(f"Found {len(folders)} dirs instead of 1 in {dir!r}{names}")
    return Project(os.path.join(dir, folders[0]), OpenMode.READ)


# Lives in a module of its own, which needs this one; plugins look for it here.
__getattr__, _ = lazy(__name__, {"download_project": "project.download:download_project"})
