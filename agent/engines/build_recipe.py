"""How an image was built: what a later build of the changed plugin has to repeat.

Kept in a file of the user's, not in the image: an image travels, and build arguments may be secrets.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agent.fs.atomic import write_atomically
from agent.fs.disk import writing

LIMIT_BYTES = 1 << 20  # far beyond any recipe
_NAME = re.compile(r"[0-9a-f]{64}\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class BuildRecipe:
    """`bases`: the name of a base → the image used for it. `context` and `include` as in `build_context`."""

    bases: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    context: Path | None = None
    include: Sequence[Path] = ()

    def save(self, folder: Path, reference: str) -> None:
        """Keep the recipe of an image in a folder, readable by its owner only. Raises StorageFailed."""
        fields = asdict(self) | {
            "reference": reference,
            "context": None if self.context is None else str(self.context.absolute()),
            "include": [str(path.absolute()) for path in self.include],
        }
        with writing("how an image is built"):
            _write(_file(folder, reference), json.dumps(fields, indent=1).encode())


def load_recipe(folder: Path, reference: str) -> BuildRecipe:
    """The recipe of an image; an empty one for an image that was not built by `agent build` here."""
    try:
        fields = json.loads(_file(folder, reference).read_bytes())
        return BuildRecipe(
            bases=dict(fields["bases"]),
            build_args=dict(fields["build_args"]),
            context=None if fields["context"] is None else Path(fields["context"]),
            include=[path for path in map(Path, fields["include"]) if path.exists()],
        )
    except (OSError, ValueError, TypeError, KeyError):
        return BuildRecipe()


def is_recipe_name(name: str) -> bool:
    """Whether a file of recipes can have this name."""
    return _NAME.fullmatch(name) is not None


def recipe_files(folder: Path) -> dict[str, bytes]:
    """The recipes in a folder as they are kept: name of the file → content. What else is there is left out."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        if is_recipe_name(path.name) and path.is_file() and path.stat().st_size <= LIMIT_BYTES:
            found[path.name] = path.read_bytes()
    return found


def keep_recipe_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put recipes into a folder; those that are there stay, because they are newer. Raises OSError."""
    for name, content in files.items():
        if not (folder / name).exists():
            _write(folder / name, content)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(file, content, mode=0o600)


def _file(folder: Path, reference: str) -> Path:
    return folder / f"{hashlib.sha256(reference.encode()).hexdigest()}.json"
