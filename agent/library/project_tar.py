"""A project of the library as a tar in Supervisely format, made while it is being sent."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.domain import Project
from agent.formats.annotation import META
from agent.formats.json_text import compact
from agent.library.names import good_name
from agent.library.project_files import annotation_bytes, file_name, invalid_name, require_good

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

_CHUNK_BYTES = 1 << 20


def project_tar(store: Store, artifacts: Artifacts, project: Project) -> Iterator[bytes]:
    """Chunks of an uncompressed tar: a folder of the project's name with meta.json, images and annotations.

    What can be known to go wrong is raised by the call, before the first chunk: Invalid for names that cannot
    be files or appear twice, NotFound for images whose bytes are gone.
    """
    seen = set()
    for file in store.gallery.files(project.id):
        name = file_name(file.name, file.mime)
        require_good(project, file.dataset, "dataset")
        require_good(project, name, "image")
        if (file.dataset, name) in seen:
            raise invalid_name(project, "image", name, "appears twice in its dataset")
        seen.add((file.dataset, name))
        artifacts.size(file.sha256)
    return _chunks(store, artifacts, project, good_name("project", project.name))


def _chunks(store: Store, artifacts: Artifacts, project: Project, root: str) -> Iterator[bytes]:
    mtime = int(project.updated_at.timestamp())
    yield _member(f"{root}/{META}", compact(project.meta).encode(), mtime)
    for dataset in store.projects.datasets(project.id):
        for folder in ("img", "ann"):
            yield _header(f"{root}/{dataset.name}/{folder}", 0, mtime, kind=tarfile.DIRTYPE)
        for image in store.projects.images(dataset.id):
            name = file_name(image.name, image.mime)
            size_bytes = artifacts.size(image.sha256)
            yield _header(f"{root}/{dataset.name}/img/{name}", size_bytes, mtime)
            with artifacts.open(image.sha256) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk
            yield _padding(size_bytes)
            yield _member(f"{root}/{dataset.name}/ann/{name}.json", annotation_bytes(image), mtime)
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
