"""A plugin's source folder: read, check, and turned into the labels of the official build script.

Contract: plugin.md 1-5.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import Invalid, NotFound, Problem
from agent.formats.config_schema import CONFIG_SCHEMA, parse_schemas
from agent.formats.plugin_files import (
    MODES,
    NEURAL_NETWORK,
    REST_MODE,
    VERSION_EXAMPLE,
    parse_info,
    parse_presets,
    parse_version,
)
from agent.formats.plugin_labels import REST_LABEL, SCHEMA_LABEL, PluginLabels, from_labels
from agent.fs.names import shown
from agent.fs.paths import given_path

__all__ = ["PluginFolder", "PluginLabels", "check_plugin_folder", "from_labels", "labels_of", "read_plugin_folder"]

PRESETS = "predefined_run_configs.json"
_MAX_FILE_BYTES = 16 << 20
_MAX_CONTENT_BYTES = 64 << 30  # of the whole folder: a file with a hole in it may claim any size
_NOT_CONTENT = frozenset({".git", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea"})


@dataclass(frozen=True, slots=True)
class PluginFolder:
    """A plugin's source, checked. `image` is the name from VERSION, without registry and tag."""

    path: Path
    title: str
    description: str
    type: str
    image: str
    tag: str
    modes: tuple[str, ...]
    readme: str
    configs: tuple[Mapping[str, Any], ...]
    content_sha256: str
    config_schemas: Mapping[str, Any] = field(default_factory=dict)  # by kind of task
    files: Mapping[str, bytes] = field(repr=False, default_factory=dict)  # as they go into labels, verbatim

    def reference(self, registry: str) -> str:
        """The full image reference, as the official build script makes it."""
        return f"{registry.rstrip('/')}/{self.image}:{self.tag}" if registry else f"{self.image}:{self.tag}"


def read_plugin_folder(path: Path) -> PluginFolder:
    """Read and check a plugin folder. Raises NotFound, or Invalid with every problem found."""
    path = given_path(path).absolute()
    if not path.is_dir():
        raise NotFound(f"There is no plugin folder {shown(str(path))}.")
    files, problems = _read_files(path)
    image, tag = "", ""
    fields: Mapping[str, Any] = {}
    configs: tuple[Mapping[str, Any], ...] = ()
    if "VERSION" in files:
        image, tag, wrong = parse_version(files["VERSION"])
        problems += wrong
    if "plugin_info.json" in files:
        fields, wrong = parse_info(files["plugin_info.json"])
        problems += wrong
    if PRESETS in files:
        configs, wrong = parse_presets(files[PRESETS], fields.get("type"))
        problems += wrong
    elif fields.get("type") == NEURAL_NETWORK and not (path / PRESETS).exists():
        problems.append(Problem(PRESETS, "", "is missing.", "Write [] if there are no presets."))
    schemas: Mapping[str, Any] = {}
    if CONFIG_SCHEMA in files:
        schemas, wrong = parse_schemas(files[CONFIG_SCHEMA], configs)
        problems += wrong
    modes, wrong = _modes(path)
    problems += wrong
    if problems:
        raise Invalid(f"Plugin folder {shown(str(path))}", problems)
    return PluginFolder(
        path=path,
        title=fields["title"].strip(),
        description=fields.get("description") or "",
        type=fields["type"],
        image=image,
        tag=tag,
        modes=modes,
        readme=files.get("README.md", b"").decode(errors="replace"),
        configs=configs,
        content_sha256=_content_sha256(path),
        config_schemas=schemas,
        files=files,
    )


def check_plugin_folder(path: Path) -> list[Problem]:
    """Every problem of a plugin folder; none when it can be built and run."""
    try:
        read_plugin_folder(path)
    except Invalid as invalid:
        return list(invalid.problems)
    except NotFound:
        return [Problem("", "", f"there is no folder {shown(str(path))}.")]
    return []


def labels_of(plugin: PluginFolder, registry: str) -> dict[str, str]:
    """The image labels exactly as the official build script sets them (contract: plugin.md 5).

    A plugin with a schema of its configs has one label more, with the schema; one whose rest_inference.py alone serves
    its model has one that says so.
    """

    def encoded(name: str) -> str:
        return base64.b64encode(plugin.files.get(name, b"")).decode()

    own = {SCHEMA_LABEL: encoded(CONFIG_SCHEMA)} if CONFIG_SCHEMA in plugin.files else {}
    own |= {REST_LABEL: "true"} if REST_MODE in plugin.modes else {}
    return own | {
        "VERSION": plugin.reference(registry),
        "INFO": encoded("plugin_info.json"),
        "MODES": " ".join(mode for mode in plugin.modes if mode in MODES),
        "README": encoded("README.md"),
        "CONFIGS": encoded(PRESETS),
    }


def _read_files(path: Path) -> tuple[dict[str, bytes], list[Problem]]:
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    needed = {
        "VERSION": VERSION_EXAMPLE,
        "plugin_info.json": 'Write {"title": ..., "description": ..., "type": "architecture"}.',
        "Dockerfile": "The plugin's image is built from it.",
    }
    for name in (*needed, PRESETS, CONFIG_SCHEMA, "README.md"):
        file = path / name
        try:
            if not file.exists():
                if name in needed:
                    problems.append(Problem(name, "", "is missing.", needed[name]))
            elif not file.is_file():
                problems.append(Problem(name, "", "is not a file."))
            elif file.is_symlink() and not file.resolve().is_relative_to(path.resolve()):
                # what it points to would be read into labels, and shown
                sentence = "is a link that leaves the plugin's folder."
                problems.append(Problem(name, "", sentence, "Copy what it points to."))
            elif file.stat().st_size > _MAX_FILE_BYTES:
                problems.append(Problem(name, "", f"is larger than {_MAX_FILE_BYTES >> 20} MiB."))
            else:
                files[name] = file.read_bytes()
        except OSError as error:
            problems.append(Problem(name, "", f"cannot be read: {error.strerror}."))
    return files, problems


def _modes(path: Path) -> tuple[tuple[str, ...], list[Problem]]:
    source = path / "src"
    if not source.is_dir():
        return (), [Problem("src", "", "is missing.", "All code of a plugin lies in src/.")]
    modes = tuple(mode for mode in MODES if (source / f"{mode}.py").is_file())
    if not {"deploy", "inference"} & set(modes) and (source / f"{REST_MODE}.py").is_file():
        modes = (*modes, REST_MODE)
    if not modes:
        wanted = ", ".join(f"src/{mode}.py" for mode in ("train", "inference"))
        return (), [Problem("src", "", "has no entry point.", f"Add {wanted} or both.")]
    return modes, []


def _content_sha256(path: Path) -> str:
    """One hash over names, link targets and bytes of all files, without caches and version control."""
    total = hashlib.sha256()
    size_bytes = 0
    for file in _content(path):
        name = os.fsencode(file.relative_to(path).as_posix())
        try:
            size_bytes += file.lstat().st_size
            if size_bytes > _MAX_CONTENT_BYTES:
                sentence = f"makes the folder larger than {_MAX_CONTENT_BYTES >> 30} GiB."
                problem = Problem(shown(os.fsdecode(name)), "", sentence, "Keep data out of it.")
                raise Invalid(f"Plugin folder {shown(str(path))}", [problem])
            if file.is_symlink():
                digest = b"link " + os.fsencode(file.readlink())
            else:
                with file.open("rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").digest()
        except OSError as error:
            problem = Problem(shown(file.relative_to(path).as_posix()), "", f"cannot be read: {error.strerror}.")
            raise Invalid(f"Plugin folder {shown(str(path))}", [problem]) from error
        total.update(b"%d %b %d %b" % (len(name), name, len(digest), digest))
    return total.hexdigest()


def _content(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in _NOT_CONTENT)
        for name in sorted(files):
            file = Path(folder, name)
            if not name.endswith(".pyc") and (file.is_symlink() or file.is_file()):
                yield file
