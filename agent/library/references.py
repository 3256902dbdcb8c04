"""What a person means by `--plugin X`, `--project X`, `--model X`: an id, a name, or a path that is imported.

A text that starts with a dot, a slash or `~` is a path, and so is a path with a slash that exists. Any other text is an
id or a name first, then a path. A text that could mean two different things is refused: the Conflict says how to be
precise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from agent.domain import Model, Plugin, Project
from agent.errors import BadInput, Conflict, Invalid, NotFound
from agent.formats import model_state
from agent.formats.plugin import read_plugin_folder
from agent.fs.names import brief, read_number, shown
from agent.fs.paths import given_path
from agent.library.models import add_model
from agent.library.plugins import add_plugin_folder, add_plugin_image
from agent.library.projects import Note, add_project, no_note, opened_project, project_contents
from agent.library.task_models import find_checkpoint_model

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.engines import ImageInfo
    from agent.store import Store

Reference = int | str | Path
_Entity = TypeVar("_Entity", bound="_Known")


class _Known(Protocol):
    @property
    def id(self) -> int: ...


def resolve_project(store: Store, artifacts: Artifacts, reference: Reference, *, note: Note = no_note) -> Project:
    """The project of this reference. A folder, tar or ZIP is imported, once by content; `note` is told what it ignored.

    Raises NotFound, Conflict, Invalid.
    """

    def same(project: Project, path: Path) -> bool:
        with opened_project(path, artifacts.half_made) as (folder, _):
            return project.content_sha256 in project_contents(folder)

    return _resolve(
        "project",
        reference,
        get=store.projects.get,
        named=lambda name: store.projects.list(name=name, limit=5),
        add=lambda path: add_project(store, artifacts, path, note=note),
        same=same,
    )


def resolve_model(store: Store, artifacts: Artifacts, reference: Reference) -> Model:
    """The model of this reference, which may also be the beginning of a sha256, `task:1/best` or `task:1/latest`.

    A folder or tar is imported, once by content. Raises NotFound, Conflict, Invalid, BadInput.
    """
    if isinstance(reference, str) and (model := find_checkpoint_model(store, reference)) is not None:
        return model

    def named(name: str) -> Sequence[Model]:
        if found := store.models.list(name=name, limit=5):
            return found
        try:
            return [store.models.find(name)]
        except NotFound:
            return []

    return _resolve(
        "model",
        reference,
        get=store.models.get,
        named=named,
        add=lambda path: add_model(store, artifacts, path),
        same=lambda model, path: model.sha256 == _model_sha256(path),
    )


def resolve_plugin(
    store: Store,
    reference: Reference,
    registry: str,
    *,
    find_image: Callable[[str], ImageInfo] | None = None,
    node: str | None = None,
) -> Plugin:
    """The plugin of this reference: an id, `image:tag`, image, title or folder, or an image of the engine.

    `find_image` asks the engine. `node` is this one, which has the folder or the image. Raises NotFound,
    Conflict, Invalid.
    """

    def named(name: str) -> Sequence[Plugin]:
        try:
            return [store.plugins.find(name)]
        except NotFound:
            return []

    def same(plugin: Plugin, path: Path) -> bool:
        return plugin.reference == read_plugin_folder(path).reference(registry)

    try:
        return _resolve(
            "plugin",
            reference,
            get=store.plugins.get,
            named=named,
            add=lambda path: add_plugin_folder(store, path, registry, node=node),
            same=same,
            folders_only=True,
            refresh=True,  # the same version of the plugin, but perhaps with new presets
        )
    except NotFound:
        if find_image is None or not isinstance(reference, str) or reference.startswith((".", "/", "~")):
            raise
        return add_plugin_image(store, find_image(reference), node=node)


def _resolve(
    kind: str,
    reference: Reference,
    *,
    get: Callable[[int], _Entity],
    named: Callable[[str], Sequence[_Entity]],
    add: Callable[[Path], _Entity],
    same: Callable[[_Entity, Path], bool],
    folders_only: bool = False,
    refresh: bool = False,
) -> _Entity:
    if isinstance(reference, int):
        return get(reference)
    text = str(reference)
    known = [] if isinstance(reference, Path) else _known(text, get, named)
    must_be_path = isinstance(reference, Path) or text.startswith((".", "/", "~"))
    path, exists = _probe_path(reference, folders_only=folders_only, must_be_path=must_be_path and not known)
    if must_be_path or (exists and "/" in text):
        # An image reference has slashes, too: a known name wins over a path that does not exist.
        if not exists and not known:
            wanted = "folder" if folders_only else "folder or archive"
            raise NotFound(f"There is no {wanted} {brief(text, 300)}.")
        if exists:
            return add(path)
    if len(known) > 1:
        ids = ", ".join(str(entity.id) for entity in known)
        raise Conflict(f"{shown(text)!r} can mean several {kind}s: {ids}. Give the id.")
    if not known:
        if not exists:
            raise NotFound(f"There is no {kind} {brief(text)!r}: no id, no name and no path here.")
        return add(path)
    if not exists:
        return known[0]
    try:
        agree = same(known[0], path)
    except (Invalid, NotFound):  # the path is nothing of this kind, so it cannot be meant
        return known[0]
    if not agree:
        raise Conflict(
            f"{shown(text)!r} is {kind} {known[0].id} in the library and also a path here with other content. "
            f"Write {known[0].id} for that {kind}, ./{shown(text)} for the path."
        )
    return add(path) if refresh else known[0]


def _probe_path(reference: str | Path, *, folders_only: bool, must_be_path: bool) -> tuple[Path, bool]:
    """The path that a text may be, and whether it exists."""
    try:
        path = given_path(reference)
    except BadInput:  # not the text of a path, or a path that may not be read
        if must_be_path:
            raise
        return Path(), False
    return path, path.is_dir() or (path.is_file() and not folders_only)


def _known(text: str, get: Callable[[int], _Entity], named: Callable[[str], Sequence[_Entity]]) -> list[_Entity]:
    """Everything in the library with this id or name, each once."""
    found: dict[int, _Entity] = {}
    number = read_number(text)
    if number is not None:
        try:
            entity = get(number)
            found[entity.id] = entity
        except NotFound:
            pass
    found |= {entity.id: entity for entity in named(text)}
    return list(found.values())


class _Hash:
    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.sha256.update(data)
        return len(data)


def _model_sha256(path: Path) -> str:
    """The hash of the tar that an import of this path would keep."""
    model_state.require_valid(path)
    if path.is_file():
        with path.open("rb") as tar:
            return hashlib.file_digest(tar, "sha256").hexdigest()
    out = _Hash()
    model_state.pack(path, out, allow_empty=True)
    return out.sha256.hexdigest()
