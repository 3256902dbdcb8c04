"""Model states into the library and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.domain import Model, NewModel, Provenance
from agent.errors import Conflict
from agent.fs.disk import writing
from agent.fs.durable import make_folder
from agent.fs.names import free_name, good_name, name_of, shown
from agent.fs.paths import given_path
from agent.library.blobs import collect_blob
from agent.library.state_upload import StateUpload, StoredState, store_folder

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.store import Store

EMPTY_MODEL = "empty model"
_EMPTY_SHA256 = (
    "84ff92691f909a05b224e1c56abb4864f01b4f8e3c854e4bb4c7baf1d3f6d652"  # of a tar without files: 10,240 zeros
)


def add_model(
    store: Store,
    artifacts: Artifacts,
    source: Path | StateUpload,
    *,
    name: str | None = None,
    only_train: bool = False,
    description: str = "",
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
) -> Model:
    """Import a model state: a tar, a folder, or an upload that has arrived. Without `name` it has that of its source.

    The same bytes under the same name are imported once, for each plugin that `provenance` names; a model that named
    none belongs to that plugin then. A compressed tar is kept uncompressed, a plain tar as it is. A
    name that other content has is made free. Raises NotFound, Invalid with the problems, DiskFull, StorageFailed.
    """
    if isinstance(source, Path):
        source = given_path(source)
    own_name = name_of(source.absolute()) if isinstance(source, Path) else source.name
    wanted = good_name("model", name if name is not None else own_name)
    stored = _stored(artifacts, source)
    with artifacts.lock("import"):
        plugin_id = provenance.plugin_id
        if known := _known_model(store, stored.blob.sha256, name, only_train=only_train, plugin_id=plugin_id):
            if plugin_id is None or known.provenance.plugin_id == plugin_id:
                return known
            return store.models.set_plugin(known.id, provenance)
        free = free_name(wanted, lambda taken: bool(store.models.list(limit=1, name=taken)))
        return store.models.add(
            NewModel(
                name=free,
                sha256=stored.blob.sha256,
                size_bytes=stored.blob.size_bytes,
                config=stored.config,
                only_train=only_train,
                description=description,
                provenance=provenance,
            )
        )


def empty_model(store: Store, artifacts: Artifacts) -> Model:
    """The model without files, with which a plugin starts from random weights (contract: model.md 3)."""
    if known := _known_model(store, _EMPTY_SHA256, EMPTY_MODEL, only_train=False, plugin_id=None):
        return known  # most trainings: making it anew only to find it takes a lock and some waits for the disk
    with artifacts.half_made.making("import") as folder:
        return add_model(store, artifacts, folder, name=EMPTY_MODEL, description="Start from random weights.")


def fill_model(store: Store, artifacts: Artifacts, upload_hash: str, upload: StateUpload) -> Model:
    """Give the model that is reserved under this hash its tar. Raises as `add_model`."""
    reserved = store.models.reserved(upload_hash)
    stored = upload.finish()
    blob = stored.blob
    with artifacts.lock("import"):
        free = free_name(reserved.name, lambda taken: bool(store.models.list(limit=1, name=taken)))
        return store.models.fill(
            upload_hash, name=free, sha256=blob.sha256, size_bytes=blob.size_bytes, config=stored.config
        )


def purge_model(store: Store, artifacts: Artifacts, model_id: int) -> None:
    """Forget a model of the trash, and its bytes once nothing else names them. Nothing for one not in the trash."""
    sha256 = store.models.purge(model_id)
    if sha256 is not None:
        collect_blob(store, artifacts, sha256)


def export_model(store: Store, artifacts: Artifacts, model: Model | int, tar: Path, *, replace: bool = False) -> Path:
    """Write a model's tar to the file `tar`, complete or not at all; give its absolute path.

    Raises Conflict where `tar` exists, unless `replace`; NotFound, DiskFull, StorageFailed.
    """
    model = store.models.get(model) if isinstance(model, int) else model
    tar = given_path(tar).absolute()
    if tar.exists() and not replace:
        raise Conflict(f"{shown(str(tar))} exists. Choose another name or remove it.")
    with writing(str(tar)):
        make_folder(tar.parent)
        with artifacts.half_made.atomic_path(tar, "export", replace=replace) as partial:
            artifacts.place(model.sha256, partial, "private")
    return tar


def _stored(artifacts: Artifacts, source: Path | StateUpload) -> StoredState:
    if isinstance(source, StateUpload):
        return source.finish()
    if source.is_dir():
        return store_folder(artifacts, source)
    with StateUpload(artifacts, name=source.name, what="import") as upload:
        upload.take_file(source)
        return upload.finish()


def _known_model(
    store: Store, sha256: str, name: str | None, *, only_train: bool, plugin_id: int | None
) -> Model | None:
    """The newest model with these bytes; of this plugin where one is given, else of none."""
    same = [one for one in store.models.of_bytes(sha256) if one.only_train == only_train and name in (None, one.name)]
    if plugin_id is None:
        return next(iter(same), None)
    by_plugin = {one.provenance.plugin_id: one for one in reversed(same)}
    return by_plugin.get(plugin_id) or by_plugin.get(None)
