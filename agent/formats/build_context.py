"""What a plugin's build gets to see: the plugin's folder with supervisely_lib beside it (contract: plugin.md 1, 5)."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent.errors import BadInput

SDK = "supervisely_lib"
# Not part of a plugin: environments, version control, caches.
LEFT_OUT = (".venv", ".git", "__pycache__", "*.pyc", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea")


@dataclass(frozen=True, slots=True)
class BuildContext:
    module_path: str  # of the plugin, relative to the context's root
    files: Mapping[str, Path]  # name in the context → entry on disk (file, link, folder), in the order of names
    own_sdk: bool  # it brought a supervisely_lib of its own

    def sdk_sha256(self) -> str:
        """One hash over names and bytes of the supervisely_lib in this context."""
        total = hashlib.sha256()
        for name, path in self.files.items():
            if name.startswith(f"{SDK}/") and path.is_file():
                total.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def write(self, out: BinaryIO) -> None:
        """The context as an uncompressed tar. Links stay links; owners become root, as they will be in the image."""
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, path in self.files.items():
                if path.is_socket():
                    continue
                entry = tar.gettarinfo(path, name)
                entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, "root", "root"
                # A hardened container's user is not root: what is private to its author here has to be readable there.
                entry.mode |= 0o555 if entry.isdir() or entry.mode & 0o100 else 0o444
                if entry.isreg():
                    with path.open("rb") as file:
                        tar.addfile(entry, file)
                else:
                    tar.addfile(entry)


def build_context(
    plugin: Path, *, root: Path | None = None, sdk: Path | None = None, include: Sequence[Path] = ()
) -> BuildContext:
    """Gather a plugin's context. Raises BadInput when it cannot be.

    `root` is a folder laid out for the official script, holding the plugin at any depth: all of it is
    taken, and its supervisely_lib when it has one. Without it the context is made of the plugin's folder
    and `sdk`. `include` adds files and folders to the root. A .dockerignore is honoured in the root, or
    in the plugin's folder where there is none.
    """
    plugin = plugin.absolute()
    if root is None:
        module_path = plugin.name if re.fullmatch(r"[\w.-]+", plugin.name) and plugin.name != SDK else "plugin"
        files = {module_path: plugin} | {f"{module_path}/{name}": path for name, path in _kept(plugin, "Dockerfile")}
    else:
        root = root.absolute()
        if not plugin.is_relative_to(root):
            raise BadInput(f"the plugin folder {plugin} is not inside the build context {root}")
        module_path = plugin.relative_to(root).as_posix()
        files = dict(_kept(root, f"{module_path}/Dockerfile"))
    own_sdk = any(name.startswith(f"{SDK}/") for name in files)
    if not own_sdk:
        sdk = sdk or sdk_folder()
        if sdk is None:
            raise BadInput(f"there is no {SDK} to build with: install it, or name a context that holds it")
        files |= {SDK: sdk} | {f"{SDK}/{name}": path for name, path in _kept(sdk, "")}
    for extra in include:
        if not extra.exists():
            raise BadInput(f"there is no {extra} to include in the build context")
        files[extra.name] = extra
        if extra.is_dir():
            files |= {f"{extra.name}/{name}": path for name, path in _kept(extra, "")}
    return BuildContext(module_path, dict(sorted(files.items())), own_sdk)


def sdk_folder() -> Path | None:
    """The installed supervisely_lib, found without importing it; None when there is none."""
    found = importlib.util.find_spec(SDK)
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) if places else None


def _kept(folder: Path, dockerfile: str) -> Iterator[tuple[str, Path]]:
    """(relative name, entry) of everything below a folder that its .dockerignore lets pass."""
    from docker.utils.build import exclude_paths  # late: the docker SDK takes 0.2 s to import

    ignore = folder / ".dockerignore"
    lines = ignore.read_text(errors="replace").splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    patterns += [f"**/{name}" for name in LEFT_OUT]
    for name in exclude_paths(os.fspath(folder), patterns, dockerfile=dockerfile or "Dockerfile"):
        yield name.replace(os.sep, "/"), folder / name
