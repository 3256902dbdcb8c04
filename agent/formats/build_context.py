"""What a plugin's build gets to see: the plugin's folder with supervisely_lib beside it, or within it.

Contract: plugin.md 1, 5. Official plugins lie beside the SDK. The generic guide has the SDK in the plugin's folder,
which is the build context then.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from agent.errors import BadInput
from agent.formats.dockerfile import takes_whole_context

SDK = "supervisely_lib"
# Not part of a plugin: environments, version control, caches.
LEFT_OUT = (".venv", ".git", "__pycache__", "*.pyc", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea")


@dataclass(frozen=True, slots=True)
class BuildContext:
    module_path: str  # of the plugin, relative to the context's root
    files: Mapping[str, Path]  # name in the context → entry on disk (file, link, folder), in the order of names

    @property
    def dockerfile(self) -> str:
        """Its name in the context."""
        return (PurePosixPath(self.module_path) / "Dockerfile").as_posix()

    def sha256(self) -> str:
        """One hash over the names, modes and bytes of all entries: what decides whether a build gives another image."""
        total = hashlib.sha256(self.module_path.encode())
        for name, path in self.files.items():
            entry = path.lstat()
            total.update(f"\0{name}\0{entry.st_mode:o}\0".encode(errors="surrogateescape"))
            if stat.S_ISLNK(entry.st_mode):
                total.update(os.fsencode(path.readlink()))
            elif stat.S_ISREG(entry.st_mode):
                with path.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()

    def write(self, out: BinaryIO, *, dockerfile: bytes) -> None:
        """The context as an uncompressed tar, with this Dockerfile.

        Links stay links; owners become root, as they will be in the image.
        """
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, path in self.files.items():
                if name == self.dockerfile:
                    entry = tarfile.TarInfo(name)
                    entry.size, entry.mode = len(dockerfile), 0o644
                    tar.addfile(entry, io.BytesIO(dockerfile))
                    continue
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
    and `sdk`; the plugin's folder is the root itself if it has an SDK of its own, or if its Dockerfile copies the
    context as a whole. `include` adds files and folders to the root. A .dockerignore is honoured in the root, or
    in the plugin's folder where there is none.
    """
    plugin = plugin.absolute()
    if root is None and _is_context(plugin):
        root = plugin
    if root is None:
        module_path = plugin.name if re.fullmatch(r"[\w.-]+", plugin.name) and plugin.name != SDK else "plugin"
        files = {module_path: plugin} | {f"{module_path}/{name}": path for name, path in _kept(plugin, "Dockerfile")}
    else:
        root = root.absolute()
        if not plugin.is_relative_to(root):
            raise BadInput(f"the plugin folder {plugin} is not inside the build context {root}")
        module_path = plugin.relative_to(root).as_posix()
        files = dict(_kept(root, (PurePosixPath(module_path) / "Dockerfile").as_posix()))
    if not any(name.startswith(f"{SDK}/") for name in files):
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
    return BuildContext(module_path, dict(sorted(files.items())))


def _is_context(plugin: Path) -> bool:
    try:
        return (plugin / SDK).is_dir() or takes_whole_context((plugin / "Dockerfile").read_text(errors="replace"))
    except OSError:
        return False


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
