"""Which names the SDK has, as its source files say: nothing of it is imported.

The SDK beside a plugin may be any; asked is this project's, which has the names of the official SDK of 2019 that
plugins use (contract: sdk.md 1). Names that it leaves out exist in 2019.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = "supervisely_lib"


def sdk_folder() -> Path | None:
    """Where the SDK lies on this machine; None where it is not installed."""
    spec = find_spec(_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def is_name(dotted: str) -> bool:
    """Whether `image.read` or `nn.hosted.trainer.SuperviselyModelTrainer` is a name of the SDK. True where unknown."""
    root = sdk_folder()
    return root is None or _has(root, "", tuple(dotted.split(".")))


def why_left_out(dotted: str) -> str:
    """Why the SDK of this project lacks a name that the official one has, and what to use; empty for any other name."""
    root = sdk_folder()
    reasons = _left_out(root) if root is not None else {}
    parts = dotted.split(".")
    return next((reasons[name] for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in reasons), "")


def nearest_name(dotted: str) -> str:
    """The name of the SDK that was surely meant; empty where none is near."""
    root = sdk_folder()
    parts = dotted.split(".")
    for end in range(len(parts) if root is not None else 0):
        if not is_name(".".join(parts[: end + 1])):
            assert root is not None
            module = _module_of(root, parts[:end])
            near = get_close_matches(parts[end], _all_names(root, module), 1, 0.7) if module is not None else []
            return ".".join([*parts[:end], *near]) if near else ""
    return ""


def _module_of(root: Path, parts: list[str]) -> str | None:
    """The module that a dotted name leads to: `image` is `imaging.image`."""
    dotted = ".".join(parts)
    if _file(root, dotted) is not None:
        return dotted
    place = (_names(root, "") or {}).get(dotted, "")
    return place if place and ":" not in place else None


def _all_names(root: Path, module: str) -> list[str]:
    file = _file(root, module)
    beside = file.parent.iterdir() if file is not None and file.name == "__init__.py" else ()
    return sorted({*(_names(root, module) or ()), *(one.stem for one in beside if not one.name.startswith("_"))})


def _has(root: Path, module: str, parts: tuple[str, ...]) -> bool:
    if not parts:
        return True
    below = f"{module}.{parts[0]}" if module else parts[0]
    if _file(root, below) is not None:
        return _has(root, below, parts[1:])
    names = _names(root, module)
    if names is None or parts[0] not in names:
        return names is None
    place = names[parts[0]]
    if not place:  # a class or a function: what it has is not looked at
        return True
    target, _, attribute = place.partition(":")
    return bool(attribute) or _has(root, target, parts[1:])


def _file(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split(".")) if module else root
    if (base / "__init__.py").is_file():
        return base / "__init__.py"
    file = base.with_suffix(".py")
    return file if file.is_file() else None


@cache
def _names(root: Path, module: str) -> dict[str, str] | None:
    """Names of a module, each with its place (`module` or `module:attribute`) if it is loaded lazily."""
    file = _file(root, module)
    if file is None:
        return None
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.setdefault(node.name, "")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name.partition(".")[0], "")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, "")
            if isinstance(node.value, ast.Dict):
                found |= _lazy(node.value)
    return found


def _lazy(node: ast.Dict) -> dict[str, str]:
    """The entries of a table of names that are loaded when they are first used."""
    pairs = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)]
    return {
        str(key.value): value.value
        for key, value in pairs
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and str(key.value).isidentifier()
    }


@cache
def _left_out(root: Path) -> dict[str, str]:
    namespace: dict[str, str] = {}
    for node in ast.walk(ast.parse((root / "_left_out.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    namespace[key.value] = "the SDK of this project leaves it out; docs/sdk.md says what to use instead"
    return namespace
