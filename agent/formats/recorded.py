"""What a recording says, as values with the types and ranges that they may have. Pure.

A recording comes from strangers, so everything is decoded through these types before anything is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.formats.archive import DEFAULT_LIMITS
from agent.formats.image_structure import too_large
from agent.formats.json_values import storable_problem
from agent.fs.names import MAX_NAME_BYTES, text_problem

FORMAT, VERSION = "supervisely-local-recording", 1
LONGEST_US = 10**16  # of a recording, which is three centuries
MAX_SIDE = 1 << 20  # pixels; what OpenCV decodes at most
_MAX_PART_BYTES, _MAX_PATH_BYTES = 255, 2000  # what file systems take of a name; of a path, below the task's folder
_SHA256 = re.compile(r"[0-9a-f]{64}")

Kind = Literal["state", "image", "text"]
_MOST = (1 << 63) - 1
_Count = Annotated[int, Meta(ge=0, le=_MOST)]
_Line = Annotated[int, Meta(ge=1, le=_MOST)]
_Side = Annotated[int, Meta(ge=0, le=MAX_SIDE)]
_Time = Annotated[int, Meta(ge=0, le=LONGEST_US)]
_Code = Annotated[int, Meta(ge=-(1 << 31), lt=1 << 31)]


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file or folder below results/; `of_result`: below the folder there that has the name of the task's project.

    A `state` is a folder: the tar of a model state has its content. An `image` is a file, known by its hash. A `text`
    is a file whose content stands here.
    """

    line: _Line | None  # it is there before this line (from 1) is printed; None: before the end
    path: str
    kind: Kind
    sha256: str | None = None  # of a blob; None: unknown, because its model was deleted
    size_bytes: _Count = 0
    of_result: bool = False
    text: str = ""
    config: Mapping[str, Any] | None = None  # config.json of a state
    width: _Side = 0  # of an image
    height: _Side = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the container ended, as `agent.domain.ExitResult`."""

    exit_code: _Code
    out_of_memory: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    task: Mapping[str, Any]  # id, type, name, status, reason, message, config, engine, options without variables
    plugin: Mapping[str, Any]  # title, description, type, image, tag, modes, readme, configs, config_schemas, digest
    ended: Ended
    project: Mapping[str, Any] | None = None  # name, meta, images_count, content_sha256
    model: Mapping[str, Any] | None = None  # from which it started: name, sha256
    started_at: str = ""  # ISO 8601; `after_us` of the lines count from here
    ended_at: str = ""
    ended_after_us: _Time = 0
    lines: _Count = 0
    line_bytes: _Count = 0
    has_contents: bool = False  # whether the blobs are in the recording
    format: str = FORMAT
    version: int = VERSION
    made_by: str = ""  # the program and its version


class _Task(msgspec.Struct):
    """What is played of the objects in the manifest; a reader of the format itself needs none of it."""

    id: _Count = 0
    type: str = ""
    name: str | None = None
    reason: str | None = None
    config: dict[str, Any] | None = None
    engine: str | None = None


class _Preset(msgspec.Struct):
    config: dict[str, Any]


class _Plugin(msgspec.Struct):
    title: str = "plugin"
    description: str = ""
    type: str = ""
    image: str = ""
    modes: Sequence[str] = ()
    readme: str | None = None
    configs: Sequence[_Preset] = ()


class _Project(msgspec.Struct):
    name: str = ""
    meta: dict[str, Any] = {}
    images_count: _Count = 0
    content_sha256: str | None = None


class _Model(msgspec.Struct):
    name: str | None = None
    sha256: str | None = None


def manifest_of(text: bytes) -> Manifest:
    """The manifest. Raises ValueError, whose text says why it is none as the end of a sentence; it may be empty."""
    said = _decoded(text)
    if not isinstance(said, dict) or said.get("format") != FORMAT or type(version := said.get("version")) is not int:
        raise ValueError("it does not name the format")
    if version > VERSION:
        raise NewerVersion(version)
    found = msgspec.convert(said, Manifest)
    msgspec.convert(found.task, _Task)
    plugin = msgspec.convert(found.plugin, _Plugin)
    for part, kind in ((found.project, _Project), (found.model, _Model)):
        msgspec.convert(part or {}, kind)
    if problem := text_problem(plugin.title.strip(), MAX_NAME_BYTES):
        raise ValueError(f"the title of the plugin {problem}")
    if not plugin.title.strip():
        raise ValueError("the title of the plugin is empty")
    for time in (found.started_at, found.ended_at):
        if time:
            datetime.fromisoformat(time)
    return found


class NewerVersion(ValueError):
    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def file_of(text: bytes) -> RecordedFile:
    """An entry of files.jsonl. Raises ValueError for what is none, or would lie outside of results/."""
    found = msgspec.convert(_decoded(text), RecordedFile)
    if not is_inside(found.path):
        raise ValueError("its path lies outside of results/")
    if found.sha256 is not None and not _SHA256.fullmatch(found.sha256):
        raise ValueError("its sha256 is none")
    if problem := too_large(found.width, found.height):
        raise ValueError(problem)
    return found


def is_inside(path: str) -> bool:
    """Whether the path of a file stays below results/, and file systems take it."""
    parts = PurePosixPath(path).parts
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return False
    return (
        0 < len(parts) <= DEFAULT_LIMITS.depth
        and max(sizes) <= _MAX_PART_BYTES
        and sum(sizes) <= _MAX_PATH_BYTES
        and not path.startswith("/")
        and ".." not in parts
        and "\0" not in path
    )


def _decoded(text: bytes) -> Any:
    try:
        said = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if problem := storable_problem(said):
        raise ValueError(f"it {problem}")
    return said
