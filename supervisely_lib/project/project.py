"""Projects and datasets on disk (contract: project_format.md 1).

<project>/meta.json
<project>/<dataset>/img/<image>
<project>/<dataset>/ann/<image>.json        (or, legacy, the image's name without its extension + .json)
<project>/<dataset>/datasets/<dataset>/     a dataset in a dataset, and so on
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from supervisely_lib._lazy import lazy
from supervisely_lib.collection.key_indexed_collection import KeyIndexedCollection
from supervisely_lib.io import fs
from supervisely_lib.io.json import dump_json_file
from supervisely_lib.project.dataset import Dataset, ItemPaths, OpenMode, require_empty
from supervisely_lib.project.folders import dataset_folders, is_junk, nested_path
from supervisely_lib.project.project_meta import ProjectMeta

__all__ = ["Dataset", "ItemPaths", "OpenMode", "Project", "read_single_project"]

META_FILE = "meta.json"


class Project:
    """A folder with datasets. Iteration gives the datasets: those of the project, then those in other datasets."""

    dataset_class = Dataset

    class DatasetDict(KeyIndexedCollection[Dataset]):
        """Datasets by name."""

        item_type = Dataset

    def __init__(self, directory: str, mode: OpenMode) -> None:
        """READ: FileNotFoundError without meta.json, InvalidMeta, RuntimeError without datasets, errors of Dataset.
        CREATE: RuntimeError if the folder is not empty."""
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
        self._datasets = Project.DatasetDict(
            [
                Dataset(os.path.join(self._directory, folder.path), OpenMode.READ, folder.parents, folder.name)
                for folder in dataset_folders(self._directory)
            ]
        )
        if not self.total_items:
            raise RuntimeError(f"Project is empty: no dataset with images in {self._directory!r}")

    @property
    def _meta_path(self) -> str:
        return os.path.join(self._directory, META_FILE)

    @property
    def name(self) -> str:
        """Name of the project's folder."""
        return os.path.basename(self._directory)

    @property
    def parent_dir(self) -> str:
        """The parent of the project's folder."""
        return os.path.dirname(self._directory)

    @property
    def directory(self) -> str:
        """The project's folder."""
        return self._directory

    @property
    def meta(self) -> ProjectMeta:
        """Classes and tags of the project."""
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
        """Replace the classes and tags, also in meta.json."""
        self._meta = new_meta
        dump_json_file(new_meta.to_json(), self._meta_path)

    def create_dataset(self, ds_name: str, ds_path: str | None = None) -> Dataset:
        """Add an empty dataset. RuntimeError if its folder is not empty.

        The name of a dataset in another dataset begins with that of the other: `ds1/sub`. ds_path: its folder, relative
        to the project, `ds1/datasets/sub`, from which then the name comes.
        """
        path = nested_path(ds_name) if ds_path is None else os.path.normpath(ds_path)
        dataset = Dataset(os.path.join(self._directory, path), OpenMode.CREATE)
        self._datasets = self._datasets.add(dataset)
        return dataset

    def copy_data(
        self, dst_directory: str, dst_name: str | None = None, _validate_img: bool = True, _use_hardlink: bool = False
    ) -> Project:
        """Copy the project to dst_directory, under another name if given, and return the copy."""
        copy = Project(os.path.join(dst_directory, dst_name or self.name), OpenMode.CREATE)
        copy.set_meta(self._meta)
        for dataset in self:
            new = copy.create_dataset(dataset.name)
            for item in dataset:
                image, annotation = dataset.get_item_paths(item)
                new.add_item_file(item, image, annotation, _validate_img, _use_hardlink)
        return copy


def read_single_project(dir: str) -> Project:
    """The only project in a folder. RuntimeError if the folder does not hold exactly one project."""
    folders = [name for name in fs.get_subdirs(dir) if not is_junk(name)]
    if len(folders) != 1:
        names = f": {', '.join(folders)}" if folders else ""
        raise RuntimeError(f"Found {len(folders)} dirs instead of 1 in {dir!r}{names}")
    return Project(os.path.join(dir, folders[0]), OpenMode.READ)


# download_project has a module of its own, which imports this module; plugins import the name from here.
__getattr__, _ = lazy(__name__, {"download_project": "project.download:download_project"})
