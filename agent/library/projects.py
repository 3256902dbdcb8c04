"""Projects into the library and out of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agent.domain import NewImage, NewProject, Project
from agent.errors import BadInput, Conflict, NotFound, Problem
from agent.formats.archive import Limits, unpack_archive
from agent.formats.label_shapes import complete_text
from agent.formats.meta import META, check_meta
from agent.formats.project import (
    DatasetFolder,
    Item,
    ProjectFolder,
    content_sha256,
    opened_project_folder,
    read_project,
)
from agent.formats.project_entries import is_junk
from agent.formats.survey import StateFile
from agent.formats.zip_archive import is_zip, unpack_zip
from agent.fs.beneath import OpenFolder, same_file
from agent.fs.disk import writing
from agent.fs.durable import make_folder, sync_file_system
from agent.fs.half_made import HalfMade
from agent.fs.names import free_name, good_name, name_of, shown
from agent.fs.paths import given_path
from agent.library.project_files import write_project

if TYPE_CHECKING:
    from agent.artifacts import Artifacts, Batch
    from agent.store import Store

PROJECT_LIMITS = Limits(members=1_000_000, size_bytes=1 << 40)
_READERS = min(8, (os.cpu_count() or 1) * 2)  # hashing lets go of the interpreter, and disks like company
_Given = TypeVar("_Given")
_Got = TypeVar("_Got")
Note = Callable[[Problem], object]
Hashes = tuple[str, ...]


def no_note(note: Problem) -> None:
    """For callers to whom it does not matter what an import ignored."""


def add_project(
    store: Store,
    artifacts: Artifacts,
    source: Path | OpenFolder,
    name: str | None = None,
    *,
    description: str = "",
    task_id: int | None = None,
    note: Note = no_note,
) -> Project:
    """Import a project from its folder, or a tar or ZIP of it. A folder known by its content is not imported again.

    The folder may be open already: then nothing outside it is read, whatever happens to its name. `note` is told
    what was ignored.

    A name taken by other content is made free (`name_001`). With `task_id`, the result of that task, it is
    always a project of its own. Raises NotFound, Invalid with the problems, DiskFull, StorageFailed.
    """
    with opened_project(source, artifacts.half_made) as (folder, default_name):
        wanted = good_name("project", name if name is not None else default_name)
        for ignored in folder.notes:
            note(ignored)
        with artifacts.batch(may_use_reserve=task_id is not None) as batch:
            rows = list(_keep_images(batch, folder))
    names = [dataset.name for dataset in folder.datasets]
    contents = _contents(folder, [(dataset, row.name, row.sha256, ann) for dataset, row, ann in rows])
    images = {name: [row for _, row, _ in group] for name, group in groupby(rows, key=lambda entry: entry[0])}
    datasets = [(name, images.get(name, [])) for name in names]
    with artifacts.lock("import"):
        if task_id is None and (known := _known_project(store, contents, name)):
            return known
        free = free_name(wanted, lambda taken: bool(store.projects.list(limit=1, name=taken)))
        return store.projects.add(
            NewProject(
                name=free,
                description=description,
                meta=folder.meta,
                content_sha256=contents[0],
                datasets=datasets,
                task_id=task_id,
            )
        )


@contextmanager
def opened_project(source: Path | OpenFolder, half_made: HalfMade) -> Iterator[tuple[ProjectFolder, str]]:
    """A checked project folder and its name; a tar or ZIP is unpacked for the time of the block."""
    if isinstance(source, OpenFolder):
        folder = read_project(source)
        yield folder, folder.name
        return
    path = given_path(source)
    if path.is_dir():
        with opened_project_folder(path) as folder:
            yield folder, folder.name
        return
    if not path.is_file():
        raise NotFound(f"There is no project folder, tar or ZIP {shown(str(path))}.")
    with half_made.making("import") as temporary:
        root = temporary / (name_of(path) or "project")
        what = f"Project archive {shown(path.name)}"
        unpack = unpack_zip if is_zip(path) else unpack_archive
        unpack(path, root, PROJECT_LIMITS, what=what, half_made=half_made.inside(temporary))
        inner = [entry for entry in root.iterdir() if entry.is_dir() and not is_junk(entry.name)]
        if not (root / META).exists() and len(inner) == 1 and (inner[0] / META).is_file():
            root = inner[0]  # the folder itself was packed, not its content
        with opened_project_folder(root) as folder:
            yield folder, folder.name


def project_content(folder: ProjectFolder) -> str:
    """The content hash that importing this folder would give, without importing it."""
    return project_contents(folder)[0]


def project_contents(folder: ProjectFolder) -> tuple[str, str]:
    """The same, and the hash by which earlier versions of this program knew the content."""
    shapes = check_meta(folder.meta)[0].shapes

    def hashed(entry: tuple[DatasetFolder, Item]) -> tuple[str, str, str, Hashes]:
        dataset, item = entry
        with _opened(folder, item.image) as image:
            sha256 = hashlib.file_digest(image, "sha256").hexdigest()
        return dataset.name, item.name, sha256, _hashes(_annotation(folder, item), shapes)

    return _contents(folder, list(_in_parallel(hashed, folder.items())))


def _contents(folder: ProjectFolder, rows: Sequence[tuple[str, str, str, Hashes]]) -> tuple[str, str]:
    """An export names the shapes of all objects, and is the same content all the same: such names do not count."""
    names = [dataset.name for dataset in folder.datasets]
    now, before = (content_sha256(folder.meta, [(*row[:3], row[3][i]) for row in rows], names) for i in (0, 1))
    return now, before


def _hashes(annotation: bytes, shapes: Mapping[str, str]) -> Hashes:
    """The sha256 of an annotation in which every object names its shape, and that of its bytes."""
    text = annotation.decode()
    return tuple(hashlib.sha256(one).hexdigest() for one in (complete_text(text, shapes).encode(), annotation))


def export_project(store: Store, artifacts: Artifacts, project_id: int, folder: Path) -> Path:
    """Write a project to `folder/<project name>`, which must not exist; give that path. All of it or nothing."""
    project = store.projects.get(project_id)
    dest = given_path(folder).absolute() / good_name("project", project.name)
    if dest.exists():
        raise Conflict(f"{shown(str(dest))} exists. Choose another folder or remove it.")
    with writing(str(dest)):
        make_folder(dest.parent)
        with artifacts.half_made.atomic_path(dest, "export", replace=False) as partial:
            partial.mkdir()
            write_project(store, artifacts, project, partial, how="private")
            sync_file_system(partial)
    return dest


def _known_project(store: Store, contents: Sequence[str], name: str | None) -> Project | None:
    if name is None:
        return next(filter(None, map(store.projects.by_content, contents)), None)
    return next((one for one in store.projects.list(name=name) if one.content_sha256 in contents), None)


def _keep_images(batch: Batch, folder: ProjectFolder) -> Iterator[tuple[str, NewImage, Hashes]]:
    """Put every image; give (dataset, row, hashes of the annotation) in the folder's order."""
    shapes = check_meta(folder.meta)[0].shapes

    def kept(entry: tuple[DatasetFolder, Item]) -> tuple[str, NewImage, Hashes]:
        dataset, item = entry
        with _opened(folder, item.image) as image:
            blob = batch.put_file(Path(same_file(image.fileno())))
        annotation = _annotation(folder, item)
        header = item.header
        row = NewImage(
            name=item.name,
            sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            width=header.width,
            height=header.height,
            mime=header.mime,
            annotation=annotation.decode(),
        )
        return dataset.name, row, _hashes(annotation, shapes)

    return _in_parallel(kept, folder.items())


def _in_parallel(work: Callable[[_Given], _Got], items: Iterable[_Given]) -> Iterator[_Got]:
    with ThreadPoolExecutor(_READERS, thread_name_prefix="import") as pool:
        yield from pool.map(work, items)


def _annotation(folder: ProjectFolder, item: Item) -> bytes:
    with _opened(folder, item.annotation) as annotation:
        return annotation.read(item.annotation.size_bytes)


@contextmanager
def _opened(folder: ProjectFolder, file: StateFile) -> Iterator[BufferedReader]:
    """A file of the project. Raises BadInput for a file that cannot be read, or is not any more what was checked."""
    try:
        with folder.open(file) as opened:
            yield opened
    except OSError as error:
        place = shown(str(folder.folder.path / file.name))
        raise BadInput(f"{place} cannot be read any more: {error.strerror}.") from error
