"""`agent infer`: images for a deployed model, asked one after the other through the running web."""

from __future__ import annotations

import json as json_
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from agent import library
from agent.cli import show
from agent.cli.installation import open_installation
from agent.cli.web_client import WebClient, web_address
from agent.domain import Model, TaskStatus
from agent.errors import BadInput, PluginFailed
from agent.formats.json_text import read_lenient
from agent.fs.atomic import write_atomically
from agent.fs.durable import make_folder
from agent.fs.names import counted, read_number
from agent.fs.paths import given_path
from agent.fs.refusals import reason_of

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.store import Store

_ANSWER_S = 10.0  # beyond the limit of a question, within which the web answers
_LOOK_S = 1.0
_EXAMPLE = '{"name": "full_image"}'


def infer(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="Files of images.")],
    *,
    model: Annotated[str, typer.Option(help="Of a deployed model: id, name or task:N/best.")],
    mode: Annotated[str | None, typer.Option(help="How it is applied: a JSON file, or JSON.")] = None,
    task: Annotated[int | None, typer.Option(help="Only this task.")] = None,
    limit: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to wait for an answer.")] = 60.0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the annotations, a JSON file each.")] = None,
    deploy: Annotated[bool, typer.Option("--deploy", help="Deploy the model first if it is not.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON object for each image, a line each.")] = False,
) -> None:
    """Ask a deployed model about images, and show what it finds."""
    from web_stub.auth.tokens import installation_token  # late: as the store

    fields = {"mode": _json_of(mode)} if mode is not None else {}
    fields |= {"limit_s": str(limit), **({"task": str(task)} if task is not None else {})}
    contents = [(path, _read(path)) for path in images]
    names = _names(images) if out is not None else {}
    with open_installation() as installation:
        settings = installation.settings
        wanted = _model(installation.store, model)
        with WebClient(web_address(settings), installation_token(settings)) as web:
            if deploy:
                _deploy(installation, web, wanted)
            if out is not None:
                make_folder(out)
                meta = web.get(f"/api/models/{wanted.id}/output_meta?{urlencode(fields)}")["meta"]
                write_atomically(out / "meta.json", _text(meta))
            for path, content in contents:
                said = web.post_form(
                    f"/api/models/{wanted.id}/infer", fields, ("image", path, content), limit_s=limit + _ANSWER_S
                )
                if out is not None:
                    write_atomically(out / names[path], _text(said["annotation"]))
                if json:
                    show.out.print(json_.dumps({"image": str(path), **said}), markup=False)
                else:
                    show.out.print(_line(path, said), markup=False)


def _json_of(mode: str) -> str:
    """The text of a JSON object, given itself or as the name of a file. BadInput."""
    text = mode
    if not mode.lstrip().startswith("{"):
        try:
            text = _read(Path(mode)).decode("utf-8", "replace")
        except BadInput as error:
            raise BadInput(f"--mode {error}; JSON begins with a brace: {_EXAMPLE}") from None
    try:
        value = read_lenient(text)
    except ValueError as error:
        raise BadInput(f"--mode {mode}: it is no JSON: {error}") from None
    if type(value) is not dict:
        raise BadInput(f"--mode {mode}: it is no JSON object, like {_EXAMPLE}")
    return json_.dumps(value)


def _read(path: Path) -> bytes:
    try:
        return given_path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {reason_of(error)}") from None


def _names(images: Sequence[Path]) -> dict[Path, str]:
    """The file of each image's annotation, named as in a project. BadInput for two of one name."""
    names = {path: f"{path.name}.json" for path in images}
    for name, count in Counter(names.values()).items():
        if count > 1:
            raise BadInput(f"{count} images would have the annotation {name}; ask about them one by one")
    return names


def _model(store: Store, reference: str) -> Model:
    number = read_number(reference)
    if number is not None:
        return store.models.get(number)
    return library.find_checkpoint_model(store, reference) or store.models.find(reference)


def _deploy(installation: Installation, web: WebClient, model: Model) -> None:
    """Return when a task serves the model. PluginFailed where it ends before."""
    store = installation.store
    serving = [task for task in store.tasks.serving(model.id) if task.status is not TaskStatus.TERMINATING]
    if not serving:
        serving = [store.tasks.get(web.post(f"/api/models/{model.id}/deploy", {})["id"])]
        show.err.print(f"task {serving[0].id}: {serving[0].name}", markup=False)
    seen = store.version()
    task = store.tasks.get(serving[0].id)
    while task.status is not TaskStatus.DEPLOYED:
        if task.status.is_final:
            raise PluginFailed(
                f"task {task.id}, which was to deploy the model, has ended: {task.message or task.reason}"
            )
        store.wait_for_change(_LOOK_S, since=seen)
        seen = store.version()
        task = store.tasks.get(task.id)


def _text(value: Any) -> bytes:
    return json_.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _line(path: Path, said: Any) -> str:
    """`a.jpg  2 objects: leaf 2  0.031 s`"""
    objects = said["annotation"]["objects"]
    found = Counter(str(one.get("classTitle")) for one in objects if isinstance(one, dict))
    what = ", ".join(f"{name} {count}" for name, count in found.most_common())
    return f"{path}  {counted(len(objects), 'object')}{': ' if what else ''}{what}  {said['times']['total_s']:.3f} s"
