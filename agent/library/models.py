"""Model states into the library and out of it."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import Model, NewModel, Provenance
from agent.errors import Conflict
from agent.formats import model_state
from agent.formats.archive import decompressed
from agent.formats.disk import remove_tree, writing
from agent.formats.names import free_name, shown
from agent.formats.paths import given_path
from agent.library.blobs import collect_blob
from agent.library.names import good_name, name_of

if TYPE_CHECKING:
    from agent.artifacts import Artifacts, Blob
    from agent.store import Store

EMPTY_MODEL = "empty model"


def add_model(
    store: Store,
    artifacts: Artifacts,
    path: Path,
    *,
    name: str | None = None,
    only_train: bool = False,
    description: str = "",
    provenance: Provenance = Provenance(),  # noqa: B008 - a frozen value
) -> Model:
    """Import a model state from a tar or a folder. The same bytes under the same name are imported once.

    A compressed tar is kept uncompressed; a plain one is kept as it is. A name taken by other content is made
    free. Raises NotFound, Invalid with the problems, DiskFull, StorageFailed.
    """
    path = given_path(path)
    wanted = good_name("model", name if name is not None else name_of(path.absolute()))
    blob, config = _keep(artifacts, path)
    with artifacts.lock("import"):
        if known := _known_model(store, blob.sha256, name, only_train=only_train):
            return known
        free = free_name(wanted, lambda taken: bool(store.models.list(limit=1, name=taken)))
        return store.models.add(
            NewModel(
                name=free,
                sha256=blob.sha256,
                size_bytes=blob.size_bytes,
                config=config,
                only_train=only_train,
                description=description,
                provenance=provenance,
            )
        )


def empty_model(store: Store, artifacts: Artifacts) -> Model:
    """The model without files, with which a plugin starts from random weights (contract: model.md 3)."""
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        return add_model(store, artifacts, Path(folder), name=EMPTY_MODEL, description="Start from random weights.")


def fill_model(store: Store, artifacts: Artifacts, upload_hash: str, path: Path) -> Model:
    """Bring the tar of a model reserved under this word. A name taken by then is made free. Raises like `add_model`."""
    wanted = store.models.reserved(upload_hash)
    blob, config = _keep(artifacts, path)
    with artifacts.lock("import"):
        free = free_name(wanted.name, lambda taken: bool(store.models.list(limit=1, name=taken)))
        return store.models.fill(upload_hash, name=free, sha256=blob.sha256, size_bytes=blob.size_bytes, config=config)


def remove_model(store: Store, artifacts: Artifacts, model_id: int) -> None:
    """Forget a model, and its bytes once nothing else names them. NotFound; Conflict while a task names it."""
    sha256 = store.models.get(model_id).sha256
    store.models.remove(model_id)
    collect_blob(store, artifacts, sha256)


def export_model(store: Store, artifacts: Artifacts, model_id: int, tar: Path) -> Path:
    """Write a model's tar to the new file `tar`, complete or not at all."""
    model = store.models.get(model_id)
    tar = given_path(tar).absolute()
    if tar.exists():
        raise Conflict(f"{shown(str(tar))} exists. Choose another name or remove it.")
    partial = tar.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with writing(str(tar)):
            tar.parent.mkdir(parents=True, exist_ok=True)
            artifacts.place(model.sha256, partial, "private")
            partial.rename(tar)
    finally:
        remove_tree(partial)
    return tar


def _keep(artifacts: Artifacts, path: Path) -> tuple[Blob, Mapping[str, Any] | None]:
    if path.is_dir():
        model_state.require_valid(path)
        with artifacts.writer() as out:
            model_state.pack(path, out, allow_empty=True)
        return out.blob, model_state.read_config(path)
    state = model_state.inspect(path)
    if state.compression is None:
        return artifacts.put_file(path), state.config
    with artifacts.writer() as out:
        for chunk in decompressed(path):
            out.write(chunk)
    return out.blob, state.config


def _known_model(store: Store, sha256: str, name: str | None, *, only_train: bool) -> Model | None:
    newest = store.models.by_sha256(sha256)
    candidates = [newest] if name is None and newest else store.models.list(name=name) if name else []
    return next((one for one in candidates if one.sha256 == sha256 and one.only_train == only_train), None)
