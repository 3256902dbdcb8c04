"""What a plugin's image would hold at /workdir, as a private copy: the folder's files with the SDK beside them."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

from agent.domain import WORKDIR
from agent.errors import CouldNotStart

SDK = "supervisely_lib"
# Not part of a plugin: environments, version control, caches.
LEFT_OUT = (".venv", "venv", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea", ".vscode")

_PYTHONPATH = re.compile(r"^\s*ENV\s+PYTHONPATH[=\s]\s*[\"']?([^\"'\s]+)", re.IGNORECASE | re.MULTILINE)


def copy_plugin(folder: Path, workdir: Path) -> None:
    """Copy a plugin's folder, so that neither side sees the other's later changes, and add the SDK.

    A `supervisely_lib/` of the folder's own is kept. Raises CouldNotStart when the folder cannot be read.
    """
    try:
        shutil.copytree(folder, workdir, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        if not (workdir / SDK).exists() and (sdk := sdk_folder()) is not None:
            shutil.copytree(sdk, workdir / SDK, ignore=shutil.ignore_patterns("__pycache__"))
    except (OSError, shutil.Error) as error:
        raise CouldNotStart(f"could not copy the plugin from {folder}: {error}") from error


def sdk_folder() -> Path | None:
    """The installed supervisely_lib, found without importing it; None when there is none."""
    found = importlib.util.find_spec(SDK)
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) if places else None


def python_path(dockerfile: str) -> tuple[str, ...]:
    """The folders below /workdir that the plugin's Dockerfile puts on PYTHONPATH, in its order. Pure.

    Real plugins differ here (contract: plugin.md 5); one that says nothing gets what most of them have.
    """
    found = _PYTHONPATH.findall(dockerfile)
    folders = [part for part in (found[-1].split(":") if found else ()) if Path(part).is_relative_to(WORKDIR)]
    return tuple(folders) or (str(WORKDIR), f"{WORKDIR}/src")
