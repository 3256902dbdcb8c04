"""`restore`: an installation made of a backup.

It is made among the half-made things of the home (`agent/fs/half_made.py`). When every byte was hashed, the artifacts
and the recipes of builds get their place and then the database: the home is an installation only then. A restore that
is killed leaves a home that the next restore recognises as empty.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.artifacts import open_artifacts
from agent.artifacts.local import USERS
from agent.engines.build_recipe import keep_recipe_files
from agent.errors import BadInput, Conflict
from agent.fs.atomic import publish
from agent.fs.disk import remove_tree, writing
from agent.fs.durable import make_folder
from agent.installation import NODE_FILE, artifacts_of, half_made_in
from agent.maintenance.backup_file import CHUNK_BYTES, BackupReader, Manifest, reading_backup
from agent.store import is_made, open_store, sqlite_file

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.fs.half_made import HalfMade
    from agent.settings import Settings

_MAY_BE_THERE = {"agent.toml", "token", "builds", "artifacts-cache", NODE_FILE}  # in a home that counts as empty


def restore(settings: Settings, file: Path) -> Manifest:
    """Make an installation of a backup in an empty home. After a failure the home is as it was.

    Raises BadInput for what is no backup, is damaged or was made by a newer program, Conflict when the home is not
    empty, DiskFull, StorageFailed.
    """
    file = file.expanduser().absolute()
    half_made = half_made_in(settings)
    store_file = _empty_home(settings, half_made)
    with reading_backup(file) as backup, writing(f"the installation in {settings.home}"):
        make_folder(settings.home, mode=0o700)
        make_folder(store_file.parent)
        before = {*settings.home.iterdir(), half_made.folder}
        try:
            with half_made.making("restore", store_file.parent) as folder:
                half_made.sweep()  # the restore before this one, if it was killed
                half_made.require_space(settings.home, backup.manifest.size_bytes, "what is in the backup")
                _restore(settings, backup, folder, store_file, half_made)
        except BaseException:
            for entry in set(settings.home.iterdir()) - before:
                remove_tree(entry)
            raise
        finally:
            with suppress(OSError):  # it was there before, and something is in it
                half_made.folder.rmdir()
    return backup.manifest


def _restore(settings: Settings, backup: BackupReader, folder: Path, store_file: Path, half_made: HalfMade) -> None:
    """Make the parts in `folder` and give them their places."""
    copy, place = folder / "store.db", settings.home / "artifacts"
    is_new = not settings.artifacts_url and store_file.parent == settings.home and not place.exists()
    if is_new:
        artifacts = open_artifacts(str(folder / "artifacts"), half_made=half_made.inside(folder))
    else:
        artifacts = artifacts_of(settings)
    put: list[str] = []
    try:
        recipes = _take(backup, copy, artifacts, put)
        with open_store(f"sqlite:///{copy}") as restored:  # brings it to this program's schema
            if damage := restored.damage():
                raise BadInput(f"The database in the backup is damaged: {damage[0]}. Use another backup.")
            restored.placements.forget_jobs()
            restored.tokens.forget_all()  # backups of older releases have them
            restored.nodes.forget_all()
            restored.make_single_file()
        if is_new:
            publish(folder / "artifacts", place)
        keep_recipe_files(settings.builds, recipes)
        publish(copy, store_file)
    except BaseException:
        for sha256 in () if is_new else put:
            artifacts.delete(sha256)
        raise


def is_half_restored(settings: Settings) -> bool:
    """Whether the home is no installation because a restore was killed in it. It is fit for the next restore."""
    restores = [thing for thing in half_made_in(settings).found() if thing.what == "restore" and thing.is_left]
    return bool(restores) and not is_made(settings.store)


def _empty_home(settings: Settings, half_made: HalfMade) -> Path:
    """The path of the store to be. Conflict when the home holds anything that a restore could mix with."""
    store_file = sqlite_file(settings.store)
    there = sorted(entry.name for entry in settings.home.iterdir()) if settings.home.is_dir() else []
    may_be_there = {*_MAY_BE_THERE, half_made.folder.name}
    if any(not thing.is_left for thing in half_made.found()):
        raise Conflict(f"another process makes something in {settings.home}; wait for its end or stop it")
    if not (settings.home / "artifacts" / USERS).exists():
        may_be_there.add("artifacts")  # of a restore that was killed before the database had its place
    used = [name for name in there if name not in may_be_there]
    if store_file.exists() or used:
        found = store_file if store_file.exists() else settings.home / used[0]
        raise Conflict(
            f"a backup is restored into an empty home, and {found} is there; set AGENT_HOME to another folder"
        )
    return store_file


def _take(backup: BackupReader, copy: Path, artifacts: Artifacts, put: list[str]) -> dict[str, bytes]:
    """Take the database and every blob; `put` gets the blobs that the artifacts did not have before.

    Gives the recipes of builds by the names of their files.
    """
    with copy.open("xb") as out:
        os.fchmod(out.fileno(), 0o600)
        shutil.copyfileobj(backup.store(), out, CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())
    with copy.open("rb") as opened:
        backup.check_store(hashlib.file_digest(opened, "sha256").hexdigest())
    for blob in backup.manifest.blobs:
        content = backup.blob(blob)
        is_new = not artifacts.exists(blob.sha256)
        with artifacts.writer() as out_blob:
            while chunk := content.read(CHUNK_BYTES):
                out_blob.write(chunk)
        if is_new or out_blob.blob.sha256 != blob.sha256:
            put.append(out_blob.blob.sha256)
        backup.check_blob(blob, out_blob.blob.sha256)
    return {recipe.name: backup.recipe(recipe) for recipe in backup.manifest.recipes}
