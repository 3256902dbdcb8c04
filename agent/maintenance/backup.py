"""`backup`: a whole installation in one file, taken while it runs.

The database is copied first, in one moment. Blobs never change, so every blob that the copy names can be read
afterwards.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from agent import version
from agent.engines.build_recipe import recipe_files
from agent.errors import Conflict, NotFound, StorageFailed
from agent.fs.atomic import publish
from agent.fs.disk import writing
from agent.fs.names import shown
from agent.maintenance.backup_file import FORMAT, DamagedBlob, File, Manifest, Recipe, writing_backup
from agent.store import SCHEMA_REVISION, Store, open_store

if TYPE_CHECKING:
    from agent.artifacts import Artifacts

_ATTEMPTS = 5


class _BlobGone(Exception):
    """A model or a project was deleted before its bytes were read."""


def backup(
    store: Store, artifacts: Artifacts, file: Path, *, builds: Path | None = None, with_images: bool = True
) -> Manifest:
    """Write a backup to the new file, complete or not at all; readable by its owner only.

    Without `with_images` the images of plugins that the artifacts keep stay out, and the copy says so.
    `builds` is the folder with the recipes of the images that were built here.
    Raises Conflict when it exists, NotFound when its folder does not, StorageFailed for a store that is no SQLite
    file, DiskFull.
    """
    file = file.expanduser().absolute()
    if file.exists():
        raise Conflict(f"{shown(str(file))} exists. Choose another name or remove it.")
    if not file.parent.is_dir():
        raise NotFound(f"There is no folder {shown(str(file.parent))}. Make it, or name another.")
    with writing(str(file)), artifacts.half_made.making("backup", file.parent) as folder:
        partial = folder / "backup.tar"
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as out:
            recipes = recipe_files(builds) if builds else {}
            made = _write_whole(store, artifacts, out, folder, recipes, with_images=with_images)
        publish(partial, file, replace=False)
        return made


def _write_whole(
    store: Store,
    artifacts: Artifacts,
    out: BinaryIO,
    folder: Path,
    recipes: Mapping[str, bytes],
    *,
    with_images: bool,
) -> Manifest:
    """Start again when something was deleted meanwhile: its bytes are gone, but the copy still names them."""
    for _ in range(_ATTEMPTS):
        copy = folder / f"{uuid.uuid4().hex}.db"
        try:
            named = _copied_store(store, copy, with_images=with_images)
            return _write(artifacts, out, copy, named, recipes)
        except _BlobGone:
            continue
    raise StorageFailed(
        "Models or projects were deleted all the time while the backup was made, or a blob of the artifacts is missing "
        "(`agent doctor` says which). Try again."
    )


def _copied_store(store: Store, copy: Path, *, with_images: bool) -> list[str]:
    """Copy the database as it is at one moment; the hashes the copy names, in order."""
    store.copy_to(copy)
    with open_store(f"sqlite:///{copy}") as copied:
        if not with_images:
            copied.plugins.forget_kept()
        copied.tokens.forget_all()  # by the time of a restore they may have been revoked
        named = sorted(copied.blobs.named() - {""})
        copied.make_single_file()
    return named


def _write(artifacts: Artifacts, out: BinaryIO, copy: Path, named: list[str], recipes: Mapping[str, bytes]) -> Manifest:
    blobs = []
    for sha256 in named:
        if not artifacts.exists(sha256):  # asking also keeps it from being collected
            raise _BlobGone
        blobs.append(File(sha256, artifacts.size(sha256)))
    with copy.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    store = File(sha256, copy.stat().st_size)
    builds = [Recipe.of(name, content) for name, content in recipes.items()]
    made = Manifest(FORMAT, datetime.now(UTC), version(), SCHEMA_REVISION, store, blobs, builds)
    artifacts.half_made.require_space(copy.parent, made.size_bytes, "the backup")
    with writing_backup(out, made) as file:
        with copy.open("rb") as opened:
            file.add_store(opened)
        for blob in blobs:
            try:
                with artifacts.open(blob.sha256) as opened:
                    file.add_blob(blob, opened)
            except NotFound as error:
                raise _BlobGone from error
            except DamagedBlob as error:
                raise StorageFailed(
                    f"Blob {blob.sha256} is damaged on disk, so no whole backup can be made; "
                    "delete the model or image it belongs to, or bring it back from an older backup."
                ) from error
        for recipe in builds:
            file.add_recipe(recipe, recipes[recipe.name])
    return made
