"""What a plugin's Dockerfile makes, against what agent and code need (contract: plugin.md 5, task.md 3). Pure."""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from agent.formats.dockerfile import base_images, copies, instructions, python_path, sdk_place
from agent.workbench.check.finding import Finding

_WORKDIR = PurePosixPath("/workdir")
_OFFICIAL = re.compile(r"(?:^|/)(base-py|base-pytorch|base-tensorflow)[\w-]*(?::|$)")
_PLAIN = re.compile(r"(?:^|/)(?:python|debian|ubuntu|nvidia/cuda|alpine)(?::|$)")
_BASE_PY = frozenset(
    {
        "numpy", "opencv-python", "pillow", "scikit-image", "shapely", "jsonschema", "python-json-logger", "simplejson",
        "requests", "requests-toolbelt",
    }
)  # fmt: skip
_OF_BASE = {
    "base-py": _BASE_PY,
    "base-pytorch": _BASE_PY | {"torch", "torchvision"},
    "base-tensorflow": _BASE_PY | {"tensorflow", "tensorflow-gpu"},
}
_INSTALL = re.compile(r"\b(?:pip3?|conda|mamba)\s+install\b([^;&|]*)")
_PATH = re.compile(r"(?:^|\s)PYTHONPATH[=\s]")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class ImageFacts:
    dockerfile: str
    requirements: str
    files: frozenset[str]  # files and folders of the plugin

    @cached_property
    def base(self) -> str:
        """The last image that the Dockerfile builds on, with an empty registry and tag; empty for none."""
        found = base_images(self.dockerfile, {"REGISTRY": "", "TAG": ""})
        return found[-1].reference if found else ""

    @cached_property
    def is_base_known(self) -> bool:
        return bool(_OFFICIAL.search(self.base) or _PLAIN.search(self.base))

    @cached_property
    def installs_requirements(self) -> bool:
        return any("requirements.txt" in line for _, line in _installs(self.dockerfile))

    @cached_property
    def packages(self) -> frozenset[str]:
        """What the image has, by the names of PyPI. Of an unknown base what it installs."""
        official = _OFFICIAL.search(self.base)
        found = set(_OF_BASE[official[1]]) if official else set[str]()
        for _, line in _installs(self.dockerfile):
            found |= {_canonical(word) for word in _split(line) if not word.startswith("-")}
        lines = (line.partition("#")[0].strip() for line in self.requirements.splitlines())
        found |= {_canonical(line) for line in lines if line and not line.startswith("-")}
        return frozenset(found)


def of_image(facts: ImageFacts, *, uses_sdk: bool) -> Iterator[Finding]:
    if not facts.base:
        yield Finding("image-no-base", "Dockerfile", "The Dockerfile has no FROM.", "Begin it with FROM.")
        return
    yield from _of_copies(facts)
    if not _has_code(facts.dockerfile):
        said = "The Dockerfile does not copy src/ to /workdir/src, where the agent starts the program."
        yield Finding("image-no-code", "Dockerfile", said, "Add: COPY ${MODULE_PATH}/src /workdir/src")
    if uses_sdk and not _has_sdk(facts.dockerfile):
        said = "The code imports supervisely_lib, and the Dockerfile does not copy it."
        yield Finding("image-no-sdk", "Dockerfile", said, "Add: COPY supervisely_lib /workdir/supervisely_lib")
    elif uses_sdk and not _is_sdk_on_path(facts.dockerfile):
        said = "PYTHONPATH of the image does not lead to supervisely_lib."
        yield Finding("image-python-path", "Dockerfile", said, "Add: ENV PYTHONPATH=/workdir:/workdir/src:$PYTHONPATH")
    if facts.requirements.strip() and not facts.installs_requirements:
        said = "The Dockerfile does not install requirements.txt."
        remedy = "Copy it, and add: RUN python -m pip install --no-cache-dir -r requirements.txt"
        yield Finding("image-no-packages", "Dockerfile", said, remedy)
    yield from _of_instructions(facts.dockerfile)


def _of_instructions(text: str) -> Iterator[Finding]:
    for line, word, rest in instructions(text):
        where = f"Dockerfile:{line}"
        if word == "USER" and rest not in ("root", "0", "0:0"):
            said = f"The image runs as the user {rest}, who may not write into the task folder, which belongs to root."
            yield Finding("image-user", where, said, "Leave USER out.")
        elif word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
            said = f"{word} has no effect: the agent sets the entry point."
            yield Finding("image-entry-point", where, said, "Leave it out.", "warning")
        elif word == "RUN":
            yield from _of_run(where, rest)


def _of_run(where: str, rest: str) -> Iterator[Finding]:
    for command in _INSTALL.finditer(rest):
        if command[0].startswith("pip") and "--no-cache-dir" not in command[0] and "PIP_NO_CACHE_DIR" not in rest:
            said = "pip keeps what it downloaded in this layer, which makes the image larger."
            yield Finding("image-pip-cache", where, said, "Add --no-cache-dir to pip install.", "warning")
    if re.search(r"\bapt(?:-get)?\s+(?:-\S+\s+)*install\b", rest) and "/var/lib/apt/lists" not in rest:
        said = "apt keeps its lists in this layer, which makes the image larger."
        yield Finding("image-apt-lists", where, said, "End the command by: && rm -rf /var/lib/apt/lists/*", "warning")


def _of_copies(facts: ImageFacts) -> Iterator[Finding]:
    for copy in copies(facts.dockerfile):
        for source in copy.sources:
            name = str(PurePosixPath(source))
            is_ours = (
                not re.search(r"[$*?\[]", name) and not name.startswith(("supervisely_lib", "http")) and name != "."
            )
            if is_ours and name not in facts.files:
                said = f"The Dockerfile copies {name}, which is not in the folder."
                yield Finding("image-copy", f"Dockerfile:{copy.line}", said, f"Add {name}, or leave the COPY out.")


def _has_code(text: str) -> bool:
    """Whether some COPY brings src/ to /workdir/src: by itself, with the whole folder, or with the context."""
    for copy in copies(text):
        for source in copy.sources:
            name = PurePosixPath(source.rstrip("/"))
            if name == PurePosixPath("src") and copy.destination in (_WORKDIR / "src", _WORKDIR):
                return copy.destination != _WORKDIR
            whole = name == PurePosixPath() or re.fullmatch(r"\$(?:MODULE_PATH|\{MODULE_PATH\})", str(name))
            if whole and copy.destination == _WORKDIR:
                return True
            if name == PurePosixPath("src/*") or fnmatch.fnmatch(str(name), "src/*.py"):
                return True
    return False


def _has_sdk(text: str) -> bool:
    """Copied by its name, with the whole context, or installed."""
    return any(copy.has_sdk or PurePosixPath() in map(PurePosixPath, copy.sources) for copy in copies(text)) or any(
        "supervisely" in line for _, line in _installs(text)
    )


def _is_sdk_on_path(text: str) -> bool:
    has_path = any(word == "ENV" and _PATH.search(rest) for _, word, rest in instructions(text))
    return has_path and str((_WORKDIR / sdk_place(text)).parent) in python_path(text)


def _installs(text: str) -> Iterator[tuple[int, str]]:
    for line, word, rest in instructions(text):
        if word == "RUN":
            for command in _INSTALL.finditer(rest):
                yield line, command[1]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _canonical(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found[0].lower().replace("_", "-") if found else ""
