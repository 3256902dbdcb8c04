"""Projects into the library and out of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agent.domain import NewImage, NewProject, Project
from agent.errors import BadInput, Conflict, NotFound
from agent.formats.annotation import META
from agent.formats.archive import Limits, unpack_archive
from agent.formats.disk import remove_tree, writing
from agent.formats.names import free_name, shown
from agent.formats.paths import given_path
from agent.formats.project import DatasetFolder, Item, ProjectFolder, content_sha256, read_project
from agent.library.names import good_name, name_of
from agent.library.project_files import write_project

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

PROJECT_LIMITS = Limits(members=1_000_000, size_bytes=1 << 40)
_READERS = min(8, (os.cpu_count() or 1) * 2)  # hashing lets go of the interpreter, and disks like company
_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


def add_project(
    store: Store,
    artifacts: Artifacts,
    path: Path,
    name: str | None = None,
    *,
    description: str = "",
    task_id: int | None = None,
) -> Project:
    """Import a project from its folder or a tar of it. A folder known by its content is not imported again.

    A name taken by other content is made free (`name_001`). With `task_id`, the result of that task, it is
    always a project of its own. Raises NotFound, Invalid with the problems, DiskFull, StorageFailed.
    """
    with opened_project(path) as (folder, default_name):
        wanted = good_name("project", name if name is not None else default_name)
        rows = list(_keep_images(artifacts, folder))
    artifacts.flush()
    content = content_sha256(folder.meta, [(dataset, row.name, row.sha256, ann) for dataset, row, ann in rows])
    datasets = [(dataset, [row for _, row, _ in group]) for dataset, group in groupby(rows, key=lambda entry: entry[0])]
    with artifacts.lock("import"):
        if task_id is None and (known := _known_project(store, content, name)):
            return known
        free = free_name(wanted, lambda taken: bool(store.projects.list(limit=1, name=taken)))
        return store.projects.add(
            NewProject(
                name=free,
                description=description,
                meta=folder.meta,
                content_sha256=content,
                datasets=datasets,
                task_id=task_id,
            )
        )


@contextmanager
def opened_project(path: Path) -> Iterator[tuple[ProjectFolder, str]]:
    """A checked project folder and its name; a tar is unpacked for the time of the block."""
    path = given_path(path)
    if path.is_dir():
        folder = read_project(path)
        yield folder, folder.name
        return
    if not path.is_file():
        raise NotFound(f"There is no project folder or tar {shown(str(path))}.")
    with tempfile.TemporaryDirectory(prefix="project-") as temporary:
        root = Path(temporary, name_of(path) or "project")
        unpack_archive(path, root, PROJECT_LIMITS, what=f"Project archive {shown(path.name)}")
        inner = [entry for entry in root.iterdir() if entry.is_dir()]
        if not (root / META).exists() and len(inner) == 1 and (inner[0] / META).is_file():
            root = inner[0]  # the folder itself was packed, not its content
        folder = read_project(root)
        yield folder, folder.name


def project_content(folder: ProjectFolder) -> str:
    """The content hash that importing this folder would give, without importing it."""

    def hashed(entry: tuple[DatasetFolder, Item]) -> tuple[str, str, str, str]:
        dataset, item = entry
        with _reading(item.image), item.image.open("rb") as image:
            sha256 = hashlib.file_digest(image, "sha256").hexdigest()
        return dataset.name, item.name, sha256, hashlib.sha256(_annotation(item)).hexdigest()

    return content_sha256(folder.meta, list(_in_parallel(hashed, folder.items())))


def export_project(store: Store, artifacts: Artifacts, project_id: int, folder: Path) -> Path:
    """Write a project to `folder/<project name>`, which must not exist; give that path. All of it or nothing."""
    project = store.projects.get(project_id)
    dest = given_path(folder).absolute() / good_name("project", project.name)
    if dest.exists():
        raise Conflict(f"{shown(str(dest))} exists. Choose another folder or remove it.")
    partial = dest.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with writing(str(dest)):
            partial.mkdir(parents=True)
            write_project(store, artifacts, project, partial, how="private")
            partial.rename(dest)
    finally:
        remove_tree(partial)
    return dest


def _known_project(store: Store, content: str, name: str | None) -> Project | None:
    if name is None:
        return store.projects.by_content(content)
    return next((one for one in store.projects.list(name=name) if one.content_sha256 == content), None)


def _keep_images(artifacts: Artifacts, folder: ProjectFolder) -> Iterator[tuple[str, NewImage, str]]:
    """Put every image; give (dataset, row, sha256 of the annotation) in the folder's order."""

    def kept(entry: tuple[DatasetFolder, Item]) -> tuple[str, NewImage, str]:
        dataset, item = entry
        blob = artifacts.put_file(item.image, durable=False)  # flushed once for all
        annotation = _annotation(item)
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
        return dataset.name, row, hashlib.sha256(annotation).hexdigest()

    return _in_parallel(kept, folder.items())


def _in_parallel(work: Callable[[_Given], _Got], items: Iterable[_Given]) -> Iterator[_Got]:
    with ThreadPoolExecutor(_READERS, thread_name_prefix="import") as pool:
        yield from pool.map(work, items)


def _annotation(item: Item) -> bytes:
    with _reading(item.annotation):
        return item.annotation.read_bytes()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{shown(str(path))} cannot be read any more: {error.strerror}.") from error
