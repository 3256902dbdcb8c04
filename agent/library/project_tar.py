"""A project of the library as a tar in Supervisely format, made while it is being sent."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.artifacts.portions import brought
from agent.domain import Project
from agent.formats.json_values import compact
from agent.formats.meta import META
from agent.formats.project_layout import ANNOTATIONS, IMAGES, dataset_path
from agent.fs.names import good_name
from agent.library.project_files import (
    annotation_bytes,
    blob_of,
    file_name,
    invalid_name,
    require_good,
    require_good_dataset,
    shapes_of,
)

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

_CHUNK_BYTES = 1 << 20


def project_tar(store: Store, artifacts: Artifacts, project: Project) -> Iterator[bytes]:
    """Chunks of an uncompressed tar: a folder of the project's name with meta.json, images and annotations.

    What can be known to go wrong is raised by the call, before the first chunk: Invalid for names that cannot
    be files or appear twice, NotFound for images whose bytes are gone.
    """
    seen, hashes = set(), []
    for file in store.gallery.files(project.id):
        name = file_name(file.name, file.mime)
        require_good_dataset(project, file.dataset)
        require_good(project, name, "image")
        if (file.dataset, name) in seen:
            raise invalid_name(project, "image", name, "appears twice in its dataset")
        seen.add((file.dataset, name))
        hashes.append(file.sha256)
    artifacts.sizes(hashes)
    return _chunks(store, artifacts, project, good_name("project", project.name))


def _chunks(store: Store, artifacts: Artifacts, project: Project, root: str) -> Iterator[bytes]:
    mtime = int(project.updated_at.timestamp())
    shapes = shapes_of(project)
    yield _member(f"{root}/{META}", compact(project.meta).encode(), mtime)
    for dataset in store.datasets.list(project.id):
        folder = f"{root}/{dataset_path(dataset.name)}"
        for part in (IMAGES, ANNOTATIONS):
            yield _header(f"{folder}/{part}", 0, mtime, kind=tarfile.DIRTYPE)
        for image in brought(artifacts, store.images.of_dataset(dataset.id), blob_of):
            name = file_name(image.name, image.mime)
            size_bytes = artifacts.size(image.sha256)
            yield _header(f"{folder}/{IMAGES}/{name}", size_bytes, mtime)
            with artifacts.open(image.sha256) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk
            yield _padding(size_bytes)
            yield _member(f"{folder}/{ANNOTATIONS}/{name}.json", annotation_bytes(image, shapes), mtime)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, data: bytes, mtime: int) -> bytes:
    return _header(name, len(data), mtime) + data + _padding(len(data))


def _header(name: str, size_bytes: int, mtime: int, *, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.type = size_bytes, mtime, kind
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % tarfile.BLOCKSIZE)
