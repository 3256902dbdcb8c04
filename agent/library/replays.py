"""A recording becomes what a task of the engine `replay` needs: a plugin whose folder is the recording, its project and
its model.

A row stands for the recorded plugin, so that nothing of the real one is changed where that is known, too. The folder
gets, as second names, the files that the recording has by their hashes only and the artifacts have.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import Model, NewProject, Plugin, Project
from agent.engines.player import RECORDING
from agent.errors import AgentError, BadInput, Invalid, NotFound
from agent.formats.meta import check_meta
from agent.formats.recording import BLOBS, Manifest, Recording
from agent.fs.disk import remove_tree, writing
from agent.fs.durable import make_folder
from agent.fs.names import free_name, good_name
from agent.fs.paths import given_path
from agent.library.models import empty_model

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

FOLDER = "recordings"  # in the home
SWEPT_AFTER_S = 7 * 86_400.0  # without a plugin
IMAGE = "recording"  # the first part of the image's name of a recorded plugin: no registry is asked for it


@dataclass(frozen=True, slots=True)
class Brought:
    manifest: Manifest
    plugin: Plugin
    project: Project
    model: Model
    placeholders: int  # files that neither the recording nor the artifacts have


def bring_recording(store: Store, artifacts: Artifacts, home: Path, path: Path, *, node: str) -> Brought:
    """Make a recording ready to be played on this node. The same file is brought once.

    Raises BadInput for a file that is no recording of a training or an inference, DiskFull, StorageFailed.
    """
    path = given_path(path)
    with Recording(path) as recording:
        manifest = recording.manifest
        if manifest.task.get("type") not in ("train", "inference") or manifest.project is None:
            raise BadInput(
                f"{path} is the recording of a task of type {manifest.task.get('type')}; "
                "trainings and inferences can be played"
            )
        for _ in recording.files():  # the last entry may be the one to refuse: nothing is brought before
            pass
        sha256 = _hash(path)
        folder = home / FOLDER / sha256[:32]
        with artifacts.lock("recording"), writing(f"the recording in {folder}"):
            _sweep(store, folder)
            placeholders = _fill(recording, folder, artifacts)
    try:
        plugin = _plugin(store, manifest, folder, sha256, node)
        project = _project(store, artifacts, manifest, sha256)
    except (KeyError, TypeError, AttributeError):
        raise BadInput(f"{path} cannot be played: its manifest.json is not that of a recording") from None
    return Brought(manifest, plugin, project, _model(store, artifacts, manifest), placeholders)


def _sweep(store: Store, wanted: Path) -> None:
    """Delete the recordings whose plugin was deleted for good. Others may be being brought, or played to their end."""
    named = {plugin.folder for plugin in (*store.plugins.list(), *store.plugins.trashed())}
    for folder in wanted.parent.glob("*/"):
        if str(folder) not in named and folder != wanted and time.time() - folder.stat().st_mtime > SWEPT_AFTER_S:
            remove_tree(folder)


def _hash(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _fill(recording: Recording, folder: Path, artifacts: Artifacts) -> int:
    """Copy the recording into its folder, and link the blobs that it lacks; how many nobody has."""
    make_folder(folder / BLOBS)
    if not (folder / RECORDING).exists():
        half = folder / f"{RECORDING}.new"
        shutil.copyfile(recording.path, half)
        half.replace(folder / RECORDING)
    missing = 0
    for file in recording.files():
        if file.kind == "text" or (file.sha256 is not None and recording.has_blob(file.sha256)):
            continue
        place = folder / BLOBS / str(file.sha256)
        if place.exists():
            continue
        try:
            if file.sha256 is None:
                raise NotFound("its hash is not known")
            with suppress(FileExistsError):
                artifacts.place(file.sha256, place, "shared")
        except NotFound:
            missing += 1
    return missing


def _plugin(store: Store, manifest: Manifest, folder: Path, sha256: str, node: str) -> Plugin:
    said: dict[str, Any] = dict(manifest.plugin)
    return store.plugins.put(
        title=f"{said['title']} (recording)",
        description=str(said["description"]),
        type=str(said["type"]),
        image=f"{IMAGE}/{good_name('plugin', str(said['image']).replace('/', '-'))}",
        tag=sha256[:12],
        modes=[str(mode) for mode in said["modes"]],
        readme=str(said["readme"]),
        configs=[preset for preset in said["configs"] if isinstance(preset["config"], dict)],
        config_schemas={},  # the config was taken before
        image_digest=None,
        folder=str(folder),
        content_sha256=sha256,
        node=node,
    )


def _project(store: Store, artifacts: Artifacts, manifest: Manifest, sha256: str) -> Project:
    """The recorded project where the library has it, else one of its name and meta without images."""
    said: dict[str, Any] = dict(manifest.project or {})
    own = hashlib.sha256(f"without images: {sha256}".encode()).hexdigest()
    with artifacts.lock("import"):
        same = [one for one in store.projects.list(name=str(said["name"])) if one.content_sha256]
        if known := next((one for one in same if one.content_sha256 == said["content_sha256"]), None):
            return known
        for content in (str(said["content_sha256"]), own):
            if content and (known := store.projects.by_content(content)) is not None:
                return known
        if problems := check_meta(said["meta"])[1]:
            raise Invalid("The meta of the recorded project", problems)
        wanted = good_name("project", str(said["name"]))
        name = free_name(wanted, lambda taken: bool(store.projects.list(limit=1, name=taken)))
        new = NewProject(name, "The project of a recording, without its images.", said["meta"], own, [])
        return store.projects.add(new)


def _model(store: Store, artifacts: Artifacts, manifest: Manifest) -> Model:
    """The recorded model where the library has it, else the one without files."""
    name, sha256 = (manifest.model or {}).get("name"), (manifest.model or {}).get("sha256")
    with suppress(AgentError):
        known = store.models.find(str(name))
        if known.sha256 == sha256 and artifacts.exists(known.sha256):
            return known
    return empty_model(store, artifacts)
