"""Model states: `config.json` and weights, at the top level of an uncompressed tar.

Contract: model.md 1-3. Packing is in `packing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from agent.errors import Invalid, NotFound, Problem, StorageFailed
from agent.formats.archive import Limits, Listing, list_archive, unpack_archive
from agent.formats.archive_members import Member
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse_python
from agent.formats.packing import Packed, pack, pack_file
from agent.formats.survey import Survey, survey
from agent.fs.beneath import open_folder
from agent.fs.half_made import HalfMade
from agent.fs.names import shown

__all__ = [
    "CONFIG",
    "MODEL_LIMITS",
    "ModelState",
    "Packed",
    "Survey",
    "check_model_state",
    "check_state_folder",
    "folder_problems",
    "inspect",
    "members",
    "pack",
    "pack_file",
    "read_config",
    "require_valid",
    "survey",
    "unpack",
]

CONFIG = "config.json"
MODEL_LIMITS = Limits()
_MAX_CONFIG_BYTES = 4 << 20
_PACK = "Pack the folder's content: agent model pack FOLDER -o STATE.tar, or tar -cf STATE.tar -C FOLDER ."


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model state that was looked into. `size_bytes` counts the files, unpacked."""

    files: tuple[str, ...]
    size_bytes: int
    config: Mapping[str, Any] | None
    compression: str | None
    warnings: tuple[Problem, ...]


def inspect(source: Path | BinaryIO, limits: Limits = MODEL_LIMITS, *, name: str = "") -> ModelState:
    """Look into a model state archive without unpacking it: of a plain tar, headers and config are read.

    `name` stands for an archive without a path. Raises Invalid with every problem, NotFound.
    """
    listing, config, problems = _look(source, limits)
    if problems:
        raise Invalid(f"Model state {shown(name) if name else _called(source)}", problems)
    files = tuple(member.name for member in listing.members if not member.is_folder)
    warnings = []
    if listing.compression:
        sentence = f"is compressed with {listing.compression}; model states are plain tars."
        warnings.append(Problem("", "", sentence, "It is kept uncompressed."))
    if not files:
        warnings.append(Problem("", "", "holds no files: plugins start from random weights, if they can."))
    return ModelState(files, listing.size_bytes, config, listing.compression, tuple(warnings))


def check_model_state(source: Path | BinaryIO, limits: Limits = MODEL_LIMITS) -> list[Problem]:
    """Every problem of a model state archive or folder; none when a plugin can be given it."""
    try:
        if isinstance(source, Path) and source.is_dir():
            return check_state_folder(source)
        return _look(source, limits)[2]
    except (NotFound, StorageFailed) as error:
        return [Problem("", "", str(error))]


def read_config(source: Path | BinaryIO) -> dict[str, Any] | None:
    """config.json of an archive or folder; None when there is none or it cannot be read as an object."""
    if isinstance(source, Path) and source.is_dir():
        return _read_folder_config(source)[0]
    return _config(list_archive(source, keep=CONFIG).kept.get(CONFIG))[0]


def members(source: Path | BinaryIO) -> list[Member]:
    """The files in an archive, in its order. Raises Invalid, NotFound."""
    listing = list_archive(source)
    if listing.problems:
        raise Invalid(f"Model state {_called(source)}", listing.problems)
    return [member for member in listing.members if not member.is_folder]


def require_valid(source: Path | BinaryIO) -> None:
    """Raise Invalid with every problem of an archive or folder, NotFound when there is none."""
    if isinstance(source, Path) and not source.exists():
        raise NotFound(f"There is no file or folder {shown(str(source))}.")
    problems = check_model_state(source)
    if problems:
        raise Invalid(f"Model state {_called(source)}", problems)


def unpack(
    source: Path | BinaryIO, folder: Path, limits: Limits = MODEL_LIMITS, *, half_made: HalfMade | None = None
) -> Listing:
    """Unpack into `folder` (absent or empty): all of it or nothing. See `unpack_archive` for `half_made`.

    Raises Invalid, DiskFull, StorageFailed.
    """
    return unpack_archive(source, folder, limits, what=f"Model state {_called(source)}", half_made=half_made)


def _look(source: Path | BinaryIO, limits: Limits) -> tuple[Listing, Mapping[str, Any] | None, list[Problem]]:
    listing = list_archive(source, limits, keep=CONFIG)
    problems = list(listing.problems)
    names = {member.name for member in listing.members if not member.is_folder}
    if CONFIG in names:
        config, problem = _config(listing.kept.get(CONFIG))
        problems += [problem] if problem else []
        return listing, config, problems
    nested = sorted(name for name in names if name.endswith(f"/{CONFIG}"))
    if nested:
        folder = nested[0].removesuffix(CONFIG)
        sentence = f"lies in the folder {shown(folder)!r}; it must be at the top level of the archive."
        problems.append(Problem(shown(nested[0]), "", sentence, _PACK))
    elif names and not problems:
        problems.append(Problem(CONFIG, "", "is missing at the top level of the archive.", _PACK))
    return listing, None, problems


def _config(data: bytes | None) -> tuple[dict[str, Any] | None, Problem | None]:
    if data is None:
        return None, Problem(CONFIG, "", f"cannot be read or is larger than {_MAX_CONFIG_BYTES >> 20} MiB.")
    try:
        config = parse_python(data)
    except NotJson as error:
        return None, error.problem(CONFIG)
    if not isinstance(config, dict):
        return None, Problem(CONFIG, "", "is not a JSON object.")
    return config, None


def check_state_folder(folder: Path) -> list[Problem]:
    """Every problem of a folder that is to become a model state. An empty folder has none: a weightless model."""
    return folder_problems(folder, survey(folder))


def folder_problems(folder: Path, files: Survey) -> list[Problem]:
    """The same for a folder that was surveyed."""
    if files.problems:
        return list(files.problems)
    names = {file.name for file in files.files if not file.is_folder}
    if CONFIG in names:
        problem = _read_folder_config(folder)[1]
        return [problem] if problem else []
    nested = sorted(name for name in names if name.endswith(f"/{CONFIG}"))
    if nested:
        inner = nested[0].removesuffix(f"/{CONFIG}")
        remedy = f"Give the folder {shown(inner)}."
        return [Problem(shown(nested[0]), "", "must lie at the top of the folder.", remedy)]
    return [Problem(CONFIG, "", "is missing.", "Write the file that the training wrote beside its weights.")] * bool(
        names
    )


def _read_folder_config(folder: Path) -> tuple[dict[str, Any] | None, Problem | None]:
    try:
        with open_folder(folder, may_enter_mounts=True) as opened, opened.file(opened.resolve(CONFIG)) as file:
            data = file.read(_MAX_CONFIG_BYTES + 1)
    except OSError:
        return _config(None)
    return _config(data if len(data) <= _MAX_CONFIG_BYTES else None)


def _called(source: Path | BinaryIO) -> str:
    return shown(source.name) if isinstance(source, Path) else "archive"
