"""The little a Dockerfile has to be asked before it is built: bases, layout, PYTHONPATH, the SDK's place. Pure.

Docker's rules: an ARG before the first FROM is known in FROM lines only, and the build's arguments win over
its default (Dockerfile reference, "Understand how ARG and FROM interact").
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.domain import WORKDIR

_SDK = "supervisely_lib"
_FLAGS = re.compile(r"^(--\S+\s+)+")
_IN_MODULE = re.compile(r"^(\./)?\$(MODULE_PATH|\{MODULE_PATH\})/")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Base:
    """An image that a FROM line asks for."""

    reference: str  # with its arguments filled in; what has no value is empty
    line: str  # as written
    arguments: tuple[str, ...]  # that the line uses, directly or through the default of another


def base_images(text: str, build_args: Mapping[str, str]) -> tuple[Base, ...]:
    """The images a build will look for, in order, each once: no stages of the file itself, no `scratch`."""
    values: dict[str, str] = {}
    uses: dict[str, tuple[str, ...]] = {}
    stages = {"scratch"}
    bases: dict[str, Base] = {}
    for word, rest in _instructions(text):
        if word == "ARG" and not bases and stages == {"scratch"}:
            for part in _split(rest):
                name, _, default = part.partition("=")
                values[name] = build_args.get(name, _fill(default, values))
                used = () if name in build_args else _names(default)
                uses[name] = tuple(dict.fromkeys((name, *(deep for use in used for deep in uses.get(use, (use,))))))
        elif word == "FROM":
            parts = [part for part in rest.split() if not part.startswith("--")]
            if not parts:
                continue
            reference = _fill(parts[0], values)
            if reference.lower() not in stages:
                used = tuple(deep for use in _names(parts[0]) for deep in uses.get(use, (use,)))
                bases.setdefault(reference, Base(reference, f"FROM {rest}", used))
            if len(parts) == 3 and parts[1].lower() == "as":
                stages.add(parts[2].lower())
    return tuple(bases.values())


def with_other_bases(text: str, build_args: Mapping[str, str], images: Mapping[str, str]) -> str:
    """The Dockerfile with other images in its FROM lines. `images`: a reference of `base_images` → the image to use."""
    for base in base_images(text, build_args):
        if base.reference in images:
            written = next(part for part in base.line.split()[1:] if not part.startswith("--"))
            line = re.compile(rf"^(\s*FROM\s+(?:--\S+\s+)*){re.escape(written)}(?=\s|$)", re.IGNORECASE | re.MULTILINE)
            text = line.sub(rf"\g<1>{images[base.reference]}", text)  # the name of an image holds no backslash
    return text


def takes_whole_context(text: str) -> bool:
    """Whether it copies the build context as a whole, and so wants the plugin's folder as the context.

    The generic guide does so (`COPY . /workdir`); official plugins copy `$MODULE_PATH` (contract: plugin.md 1).
    """
    whole = any(PurePosixPath(source) == PurePosixPath() for copy in copies(text) for source in copy.sources)
    return whole and "MODULE_PATH" not in text


def python_path(text: str) -> tuple[str, ...]:
    """The folders below /workdir that a plugin's Dockerfile puts on PYTHONPATH, in its order.

    Real plugins differ here (contract: plugin.md 5); one that says nothing gets what most of them have. A folder
    outside of /workdir into which the Dockerfile copies the SDK becomes /workdir, where `sdk_place` has it.
    """
    outside = {str(copy.destination.parent) for copy in copies(text) if copy.has_sdk and not _is_below_workdir(copy)}
    folders: list[str] = []
    for word, rest in _instructions(text):
        if word != "ENV":
            continue
        words = _split(rest)
        pairs = [pair.partition("=")[::2] for pair in words] if "=" in words[0] else [(words[0], " ".join(words[1:]))]
        for name, value in pairs:
            if name == "PYTHONPATH":
                parts = [str(WORKDIR) if part in outside else part for part in value.split(":")]
                parts = [part for part in parts if PurePosixPath(part).is_relative_to(WORKDIR)]
                kept = folders if "PYTHONPATH" in _names(value) else []
                folders = list(dict.fromkeys([*parts, *kept]))
    return tuple(folders) or (str(WORKDIR), f"{WORKDIR}/src")


def sdk_place(text: str) -> PurePosixPath:
    """Where below /workdir a plugin's Dockerfile copies `supervisely_lib`; relative to /workdir.

    Most plugins put it right there, one of the official tutorials into `libs/` (contract: plugin.md 5).
    """
    for copy in copies(text):
        if copy.has_sdk and _is_below_workdir(copy):
            return copy.destination.relative_to(WORKDIR)
    return PurePosixPath(_SDK)


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY or ADD from the build context."""

    sources: tuple[str, ...]  # without the plugin's own folder before them
    destination: PurePosixPath  # absolute
    line: int = 0

    @property
    def has_sdk(self) -> bool:
        return any(PurePosixPath(source) == PurePosixPath(_SDK) for source in self.sources)


def _is_below_workdir(copy: Copy) -> bool:
    place = copy.destination
    return place.is_relative_to(WORKDIR) and place != WORKDIR and ".." not in place.parts


def copies(text: str) -> Iterator[Copy]:
    folder = PurePosixPath(WORKDIR)  # an image without WORKDIR is no plugin's
    for line, word, rest in instructions(text):
        if word == "WORKDIR" and rest:
            folder = folder / _split(rest)[0]
        if word not in ("COPY", "ADD") or "--from=" in rest:
            continue
        words = _words(rest)
        if len(words) > 1:
            *sources, destination = words
            yield Copy(tuple(_IN_MODULE.sub("", source).lstrip("/") for source in sources), folder / destination, line)


def _words(text: str) -> list[str]:
    """The sources and the destination of a COPY: words, or a JSON list of them."""
    listed = _FLAGS.sub("", text)
    if not listed.startswith("["):
        return _split(listed)
    try:
        return [str(part) for part in json.loads(listed)]
    except ValueError:  # the engine will say so when it builds
        return []


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """(upper-case instruction, its arguments) per logical line."""
    return ((word, rest) for _, word, rest in instructions(text))


def instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """(number of its first line, upper-case instruction, its arguments) per logical line."""
    logical, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#") or not stripped:  # also between continued lines
            continue
        first = first or number
        if stripped.endswith("\\"):
            logical += stripped[:-1] + " "
            continue
        word, _, rest = (logical + stripped).partition(" ")
        yield first, word.upper(), rest.strip()
        logical, first = "", 0


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text) or [""]
    except ValueError:  # an unclosed quote: the engine will say so when it builds
        return text.split() or [""]


def _names(text: str) -> tuple[str, ...]:
    return tuple(plain or braced for plain, braced, _, _ in _VARIABLE.findall(text))


def _fill(text: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        plain, braced, operator, word = match.groups()
        found = values.get(plain or braced, "")
        if operator == "-":
            return found or _fill(word, values)
        if operator == "+":
            return _fill(word, values) if found else ""
        return found

    return _VARIABLE.sub(value, text).strip("\"'")
