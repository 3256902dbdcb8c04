"""A whole installation in one file, taken while it runs, and an installation made of such a file.

A backup is an uncompressed tar: `manifest.json`, then `store.db`, then `blobs/<sha256>`, in the manifest's order. The
database is copied first, in one moment; blobs never change, so whatever the copy names is read afterwards. A restore
believes nothing: every byte is hashed before the database, which makes it an installation, is put in its place.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import msgspec

from agent.artifacts import Artifacts, open_artifacts
from agent.errors import BadInput, Conflict, NotFound, StorageFailed
from agent.formats.disk import remove_tree, require_free_space, writing
from agent.formats.names import shown
from agent.store import SCHEMA_REVISION, Store, known_revisions, open_store, sqlite_file

if TYPE_CHECKING:
    from agent.settings import Settings

FORMAT = "supervisely-local backup 1"
_MANIFEST, _STORE, _BLOBS = "manifest.json", "store.db", "blobs/"
_MANIFEST_LIMIT_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 5
_MAY_BE_THERE = {"agent.toml", "token"}  # in a home that counts as empty
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class File(msgspec.Struct, frozen=True):
    sha256: str
    size_bytes: int


class Manifest(msgspec.Struct, frozen=True):
    format: str
    made_at: datetime
    made_by: str  # this program's version
    schema: str  # the store's revision
    store: File
    blobs: list[File]

    @property
    def size_bytes(self) -> int:
        return self.store.size_bytes + sum(blob.size_bytes for blob in self.blobs)


class _BlobGone(Exception):
    """A model or a project was deleted while its bytes were to be read."""


# ---------------------------------------------------------------- backup


def backup(store: Store, artifacts: Artifacts, file: Path) -> Manifest:
    """Write a backup to the new file, complete or not at all; readable by its owner only.

    Raises Conflict when it exists, NotFound when its folder does not, StorageFailed for a store that is no SQLite
    file, DiskFull.
    """
    file = file.expanduser().absolute()
    if file.exists():
        raise Conflict(f"{shown(str(file))} exists. Choose another name or remove it.")
    if not file.parent.is_dir():
        raise NotFound(f"There is no folder {shown(str(file.parent))}. Make it, or name another.")
    partial = file.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with writing(str(file)):
            with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.parent) as folder:
                made = _write_whole(store, artifacts, partial, Path(folder))
            partial.rename(file)
    finally:
        remove_tree(partial)
    return made


def _write_whole(store: Store, artifacts: Artifacts, partial: Path, folder: Path) -> Manifest:
    """Start again when something was deleted meanwhile: its bytes are gone, but the copy still names them."""
    for _ in range(_ATTEMPTS):
        copy = folder / f"{uuid.uuid4().hex}.db"
        try:
            named = _copied_store(store, copy)
            return _write(artifacts, partial, copy, named)
        except _BlobGone:
            continue
    raise StorageFailed(
        "Models or projects were deleted all the time while the backup was made, or a blob of the artifacts is missing "
        "(`agent doctor` says which). Try again."
    )


def _copied_store(store: Store, copy: Path) -> list[str]:
    """Copy the database as it is at one moment; the hashes the copy names, in order."""
    store.copy_to(copy)
    with open_store(f"sqlite:///{copy}") as copied:
        named = sorted(copied.retention.named_blobs() - {""})
        copied.make_single_file()
    return named


def _write(artifacts: Artifacts, partial: Path, copy: Path, named: list[str]) -> Manifest:
    blobs = []
    for sha256 in named:
        if not artifacts.exists(sha256):  # asking also keeps it from being collected
            raise _BlobGone
        blobs.append(File(sha256, artifacts.size(sha256)))
    with copy.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    made = Manifest(
        FORMAT,
        datetime.now(UTC),
        version("supervisely-local"),
        SCHEMA_REVISION,
        File(sha256, copy.stat().st_size),
        blobs,
    )
    require_free_space(partial.parent, made.size_bytes, "the backup")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out, tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        text = msgspec.json.encode(made)
        with tempfile.TemporaryFile() as manifest:
            manifest.write(text)
            manifest.seek(0)
            _add(tar, _MANIFEST, len(text), manifest)
        with copy.open("rb") as opened:
            _add(tar, _STORE, made.store.size_bytes, opened)
        for blob in blobs:
            try:
                with artifacts.open(blob.sha256) as opened:
                    hashed = _Hashed(opened)
                    _add(tar, f"{_BLOBS}{blob.sha256}", blob.size_bytes, cast("IO[bytes]", hashed))
            except NotFound as error:
                raise _BlobGone from error
            if hashed.hexdigest() != blob.sha256:
                raise StorageFailed(
                    f"Blob {blob.sha256} is damaged on disk, so no whole backup can be made; "
                    "delete the model or image it belongs to, or bring it back from an older backup."
                )
        tar.close()
        out.flush()
        os.fsync(out.fileno())
    return made


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened, self._hash = opened, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._opened.read(size)
        self._hash.update(data)
        return data

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _add(tar: tarfile.TarFile, name: str, size_bytes: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size_bytes, 0o600
    tar.addfile(member, content)


# ---------------------------------------------------------------- restore


def restore(settings: Settings, file: Path) -> Manifest:
    """Make an installation of a backup in an empty home. After a failure the home is as it was.

    Raises BadInput for what is no backup, is damaged or was made by a newer program, Conflict when the home is not
    empty, DiskFull, StorageFailed.
    """
    file = file.expanduser().absolute()
    store_file = _empty_home(settings)
    put: list[str] = []
    with _reading(file) as tar, writing(f"the installation in {settings.home}"):
        manifest = _manifest(tar, file)
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        store_file.parent.mkdir(parents=True, exist_ok=True)
        require_free_space(settings.home, manifest.size_bytes, "what is in the backup")
        before = set(settings.home.iterdir())
        artifacts = open_artifacts(settings.artifacts)
        folder = Path(tempfile.mkdtemp(prefix=".restore-", dir=store_file.parent))
        try:
            copy = folder / _STORE
            _take(tar, file, manifest, copy, artifacts, put)
            with open_store(f"sqlite:///{copy}") as restored:  # brings it to this program's schema
                if damage := restored.damage():
                    raise BadInput(f"The database in {shown(str(file))} is damaged: {damage[0]}. Use another backup.")
                restored.make_single_file()
            artifacts.flush()
            copy.rename(store_file)
        except BaseException:
            for sha256 in put:
                artifacts.delete(sha256)
            for entry in set(settings.home.iterdir()) - before:
                remove_tree(entry)
            raise
        finally:
            remove_tree(folder)
    return manifest


def _empty_home(settings: Settings) -> Path:
    """Where the store will be. Conflict unless nothing is there that a restore could mix with."""
    store_file = sqlite_file(settings.store)
    there = sorted(entry.name for entry in settings.home.iterdir()) if settings.home.is_dir() else []
    used = [name for name in there if name not in _MAY_BE_THERE]
    if store_file.exists() or used:
        found = store_file if store_file.exists() else settings.home / used[0]
        raise Conflict(
            f"a backup is restored into an empty home, and {found} is there; set AGENT_HOME to another folder"
        )
    return store_file


@contextmanager
def _reading(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {shown(str(file))}.") from None
    except OSError as error:
        raise BadInput(f"Cannot read {shown(str(file))}: {error.strerror}.") from None
    try:
        with opened, tarfile.open(fileobj=opened, mode="r|") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"{shown(str(file))} is no backup, or is cut off: {error}.") from error


def _manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    member = tar.next()
    content = tar.extractfile(member) if member is not None and member.isfile() else None
    if member is None or content is None or member.name != _MANIFEST or member.size > _MANIFEST_LIMIT_BYTES:
        raise BadInput(f"{shown(str(file))} is no backup of this program: it does not begin with a manifest.")
    try:
        manifest = msgspec.json.decode(content.read(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadInput(f"The manifest of {shown(str(file))} cannot be read: {error}.") from None
    if manifest.format != FORMAT or manifest.schema not in known_revisions():
        raise BadInput(
            f"{shown(str(file))} was made by another version of this program, {shown(manifest.made_by[:40])} "
            f"(schema {shown(manifest.schema[:40])}; this one knows up to {SCHEMA_REVISION}). Upgrade, then restore."
        )
    if not all(_SHA256.fullmatch(blob.sha256) and blob.size_bytes >= 0 for blob in manifest.blobs):
        raise BadInput(f"The manifest of {shown(str(file))} names blobs by something that is no sha256.")
    return manifest


def _take(
    tar: tarfile.TarFile, file: Path, manifest: Manifest, copy: Path, artifacts: Artifacts, put: list[str]
) -> None:
    """Take every member in the manifest's order; hashes decide."""
    _, content = _next(tar, file, _STORE, manifest.store)
    with copy.open("xb") as out:
        os.fchmod(out.fileno(), 0o600)
        shutil.copyfileobj(content, out, _CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())
    with copy.open("rb") as opened:
        _same(file, _STORE, hashlib.file_digest(opened, "sha256").hexdigest(), manifest.store.sha256)
    for blob in manifest.blobs:
        name, content = _next(tar, file, f"{_BLOBS}{blob.sha256}", blob)
        is_new = not artifacts.exists(blob.sha256)
        with artifacts.writer() as out_blob:
            while chunk := content.read(_CHUNK_BYTES):
                out_blob.write(chunk)
        if is_new or out_blob.blob.sha256 != blob.sha256:
            put.append(out_blob.blob.sha256)
        _same(file, name, out_blob.blob.sha256, blob.sha256)


def _next(tar: tarfile.TarFile, file: Path, name: str, expected: File) -> tuple[str, IO[bytes]]:
    member = tar.next()
    content = tar.extractfile(member) if member is not None and member.isfile() else None
    if member is None or content is None or member.name != name or member.size != expected.size_bytes:
        found = "its end" if member is None else shown(member.name[:100])
        raise BadInput(f"{shown(str(file))} is damaged: {name} should come, and {found} does. Use another backup.")
    return name, content


def _same(file: Path, name: str, found: str, expected: str) -> None:
    if found != expected:
        raise BadInput(
            f"{shown(str(file))} is damaged: the bytes of {name} are not those that were put in. Use another."
        )
