"""The file of a backup: an uncompressed tar of `manifest.json`, `store.db`, all `blobs/<sha256>`, all `builds/<name>`.

Blobs and recipes of builds come in the manifest's order; releases that know no recipes read the rest. `BackupWriter`
writes such a file and `BackupReader` reads it; the reader trusts nothing: every name, size and hash must be the
manifest's.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

import msgspec

from agent.engines.build_recipe import LIMIT_BYTES, is_recipe_name
from agent.errors import BadInput, NotFound
from agent.fs.names import shown
from agent.store import SCHEMA_REVISION, known_revisions

FORMAT = "supervisely-local backup 1"
CHUNK_BYTES = 1 << 20
_MANIFEST, _STORE, _BLOBS, _BUILDS = "manifest.json", "store.db", "blobs/", "builds/"
_MANIFEST_LIMIT_BYTES = 1 << 30
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class File(msgspec.Struct, frozen=True):
    sha256: str
    size_bytes: int


class Recipe(File, frozen=True):
    """How an image was built (`agent/engines/build_recipe.py`)."""

    name: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Recipe:
        return cls(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), name=name)


class Manifest(msgspec.Struct, frozen=True):
    format: str
    made_at: datetime
    made_by: str  # this program's version
    schema: str  # the store's revision
    store: File
    blobs: list[File]
    recipes: list[Recipe] = []  # backups of older releases have none

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in (self.store, *self.blobs, *self.recipes))


class DamagedBlob(Exception):
    """The bytes of a blob are not those of its name. The argument is its sha256."""


# ---------------------------------------------------------------- writing


@contextmanager
def writing_backup(out: BinaryIO, manifest: Manifest) -> Iterator[BackupWriter]:
    """Write into the open file, from its beginning, in place of what an attempt before has written. Raises OSError."""
    out.seek(0)
    out.truncate()
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        yield BackupWriter(tar, manifest)


class BackupWriter:
    """Takes the database, then every blob, then every recipe, in the manifest's order."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar, self._manifest = tar, manifest
        text = msgspec.json.encode(manifest)
        with tempfile.TemporaryFile() as content:
            content.write(text)
            content.seek(0)
            self._add(_MANIFEST, len(text), content)

    def add_store(self, content: IO[bytes]) -> None:
        self._add(_STORE, self._manifest.store.size_bytes, content)

    def add_blob(self, blob: File, content: IO[bytes]) -> None:
        """Raises DamagedBlob when the content has another sha256."""
        hashed = _Hashed(content)
        self._add(f"{_BLOBS}{blob.sha256}", blob.size_bytes, cast("IO[bytes]", hashed))
        if hashed.hexdigest() != blob.sha256:
            raise DamagedBlob(blob.sha256)

    def add_recipe(self, recipe: Recipe, content: bytes) -> None:
        self._add(f"{_BUILDS}{recipe.name}", recipe.size_bytes, io.BytesIO(content))

    def _add(self, name: str, size_bytes: int, content: IO[bytes]) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size_bytes, 0o600
        self._tar.addfile(member, content)


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


# ---------------------------------------------------------------- reading


@contextmanager
def reading_backup(file: Path) -> Iterator[BackupReader]:
    """A reader of the file. Raises NotFound and BadInput, also from the block when the file proves to be cut off."""
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {shown(str(file))}.") from None
    except OSError as error:
        raise BadInput(f"Cannot read {shown(str(file))}: {error.strerror}.") from None
    try:
        with opened, tarfile.open(fileobj=opened, mode="r|") as tar:
            yield BackupReader(tar, shown(str(file)))
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"{shown(str(file))} is no backup, or is cut off: {error}.") from error


class BackupReader:
    """Gives the members in the order in which they were written. `manifest` has been checked."""

    def __init__(self, tar: tarfile.TarFile, name: str) -> None:
        """`name` is the file's name for people."""
        self._tar, self._name = tar, name
        self.manifest = self._read_manifest()

    def store(self) -> IO[bytes]:
        """The database; `check_store` tells whether it is whole."""
        return self._next(_STORE, self.manifest.store)

    def check_store(self, sha256: str) -> None:
        self._require_same(_STORE, sha256, self.manifest.store.sha256)

    def blob(self, blob: File) -> IO[bytes]:
        """The content of the manifest's next blob; `check_blob` tells whether it is whole."""
        return self._next(f"{_BLOBS}{blob.sha256}", blob)

    def check_blob(self, blob: File, sha256: str) -> None:
        self._require_same(f"{_BLOBS}{blob.sha256}", sha256, blob.sha256)

    def recipe(self, recipe: Recipe) -> bytes:
        """The content of the manifest's next recipe."""
        name = f"{_BUILDS}{recipe.name}"
        content = self._next(name, recipe).read()
        self._require_same(name, hashlib.sha256(content).hexdigest(), recipe.sha256)
        return content

    def _read_manifest(self) -> Manifest:
        member = self._tar.next()
        content = self._tar.extractfile(member) if member is not None and member.isfile() else None
        if member is None or content is None or member.name != _MANIFEST or member.size > _MANIFEST_LIMIT_BYTES:
            raise BadInput(f"{self._name} is no backup of this program: it does not begin with a manifest.")
        try:
            manifest = msgspec.json.decode(content.read(), type=Manifest)
        except msgspec.MsgspecError as error:
            raise BadInput(f"The manifest of {self._name} cannot be read: {error}.") from None
        if manifest.format != FORMAT or manifest.schema not in known_revisions():
            raise BadInput(
                f"{self._name} was made by another version of this program, {shown(manifest.made_by[:40])} "
                f"(schema {shown(manifest.schema[:40])}; this one knows up to {SCHEMA_REVISION}). "
                "Upgrade, then restore."
            )
        if not all(_SHA256.fullmatch(blob.sha256) and blob.size_bytes >= 0 for blob in manifest.blobs):
            raise BadInput(f"The manifest of {self._name} names blobs by something that is no sha256.")
        if not all(is_recipe_name(recipe.name) and recipe.size_bytes <= LIMIT_BYTES for recipe in manifest.recipes):
            raise BadInput(f"The manifest of {self._name} names recipes of builds that are none.")
        return manifest

    def _next(self, name: str, expected: File) -> IO[bytes]:
        member = self._tar.next()
        content = self._tar.extractfile(member) if member is not None and member.isfile() else None
        if member is None or content is None or member.name != name or member.size != expected.size_bytes:
            found = "its end" if member is None else shown(member.name[:100])
            raise BadInput(f"{self._name} is damaged: {name} should come, and {found} does. Use another backup.")
        return content

    def _require_same(self, member: str, found: str, expected: str) -> None:
        if found != expected:
            raise BadInput(
                f"{self._name} is damaged: the bytes of {member} are not those that were put in. Use another."
            )
