"""A new plugin: a small folder that trains at once, from the files in `templates/`.

The files are a working plugin each, with `my-plugin` and `My plugin` where its name goes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp

from agent.errors import BadInput, Conflict, StorageFailed
from agent.formats.schemas import NAMES, schema
from agent.fs.names import brief, title_problem
from agent.fs.refusals import reason_of, remedy_for

KINDS = ("segmentation", "detection", "classification", "bare")

_HIDDEN = "dot-"  # in front of the names of hidden files, which no tool would pack
_SLUG = "my-plugin"
_KIND = "my-kind"
_TITLE = "My plugin"
_CONSTANT = "MY_PLUGIN"


def new_plugin(folder: Path, kind: str) -> Path:
    """Write a new plugin into a folder that does not exist yet; give the folder. Its name is the plugin's.

    Raises BadInput for a name that no folder or no image can have, and for an unknown kind; Conflict where something
    is there already; StorageFailed. Nothing half-written stays.
    """
    if kind not in KINDS:
        raise BadInput(f"there is no kind of plugin {brief(kind)!r}; the kinds are {', '.join(KINDS)}")
    name = Path(os.path.normpath(folder)).name  # of a folder that is not there: nothing to resolve
    names = {**names_of(name), _KIND: kind}
    if os.path.lexists(folder):
        raise Conflict(f"{brief(str(folder))} exists already; choose another name, or remove it")
    made: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f".{names[_SLUG]}.", dir=folder.parent))
        for place, text in files_of(kind):
            file = made / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_named(text, names), encoding="utf-8")
        made.chmod(0o777 & ~_umask())
        made.rename(folder)
    except OSError as error:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        raise StorageFailed(
            f"cannot write {brief(str(folder))}: {reason_of(error)}. {remedy_for(error)}".strip()
        ) from error
    return folder


def names_of(name: str) -> dict[str, str]:
    """What stands in the templates → what is written for a plugin of this name. Raises BadInput."""
    if sentence := title_problem(name):
        raise BadInput(f"the name {brief(name)!r} {sentence}; write one such as fruit-net")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug or not name.isascii():
        raise BadInput(
            f"no image can be called {brief(name)!r}: it needs letters a-z or digits, as a plugin called fruit-net has"
        )
    title = re.sub(r"[-_.\s]+", " ", name).strip()
    return {_SLUG: slug, _TITLE: title[:1].upper() + title[1:], _CONSTANT: slug.replace("-", "_").upper()}


def files_of(kind: str) -> Iterator[tuple[Path, str]]:
    """The files of a kind, by their place in the plugin's folder: the kind's own go before shared ones; and schemas."""
    found: dict[Path, str] = {}
    for group in ("shared", kind):
        root = Path(str(files("agent.workbench") / "templates" / group))
        for file in sorted(root.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                parts = (_visible(part) for part in file.relative_to(root).parts)
                found[Path(*parts)] = file.read_text(encoding="utf-8")
    for name in NAMES:  # beside the editor settings that name them
        found[Path(".schemas", f"{name}.json")] = json.dumps(schema(name), indent=2) + "\n"
    yield from sorted(found.items())


def _visible(part: str) -> str:
    return f".{part.removeprefix(_HIDDEN)}" if part.startswith(_HIDDEN) else part


def _named(text: str, names: dict[str, str]) -> str:
    for place, word in names.items():
        text = text.replace(place, word)
    return text


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
