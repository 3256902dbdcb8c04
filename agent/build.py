"""Build a plugin's image as the official script does: arguments, labels, context, name (contract: plugin.md 5)."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import docker.errors
import requests

from agent.domain import Plugin
from agent.engines.docker import DockerEngine
from agent.engines.docker_words import translated, words
from agent.errors import BuildFailed, Conflict, CouldNotStart, EngineUnavailable, ImageNotFound
from agent.formats.build_context import build_context
from agent.formats.dockerfile import Base, base_images
from agent.formats.plugin import PluginFolder, labels_of, read_plugin_folder

# Beside the official labels, so that an unchanged plugin need not be built again, and a changed one is
# built again the same way.
CONTENT_LABEL, SDK_LABEL, BUILD_LABEL = "CONTENT_SHA256", "SDK_SHA256", "BUILD"
LAST_LINES = 15

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the classic builder paints stderr

OnLine = Callable[[str], object]  # gets the engine's output as it comes, newlines included


def build_plugin(
    folder: PluginFolder,
    *,
    registry: str,
    bases: Mapping[str, str],
    on_line: OnLine,
    sdk_folder: Path | None = None,
    context: Path | None = None,
    build_args: Mapping[str, str] | None = None,
    include: Sequence[Path] = (),
    engine: DockerEngine | None = None,
) -> str:
    """Build, and give the image's reference `<registry>/<name>:<tag>`.

    `bases` maps a base's name to an image that is to play its part: official Dockerfiles look for
    `<registry>/<base>:<the plugin's own tag>`. `context` and `include` as in `build_context`; `sdk_folder`
    is the supervisely_lib to use, default the installed one. Raises ImageNotFound for a base that is missing,
    BuildFailed, BadInput, EngineUnavailable.
    """
    engine = engine or DockerEngine()
    gathered = build_context(folder.path, root=context, sdk=sdk_folder, include=include)
    arguments = {
        "MODULE_PATH": gathered.module_path,
        "REGISTRY": registry,
        "TAG": folder.tag,
        **(build_args or {}),
    }
    dockerfile = (folder.path / "Dockerfile").read_text(errors="replace")
    needed = base_images(dockerfile, arguments)
    for name, image in bases.items():
        _provide_base(engine, f"{registry}/{name}:{folder.tag}", image, needed, on_line)
    for base in needed:
        _check_base(engine, base, registry, folder.tag, on_line)
    reference = folder.reference(registry)
    labels = {
        **labels_of(folder, registry),
        CONTENT_LABEL: folder.content_sha256,
        SDK_LABEL: "" if gathered.own_sdk else gathered.sdk_sha256(),
        BUILD_LABEL: _as_label(
            {
                "args": dict(build_args or {}),
                "context": str(context.absolute()) if context else None,
                "include": [str(path.absolute()) for path in include],
            }
        ),
    }
    with tempfile.TemporaryFile() as archive:
        gathered.write(cast(BinaryIO, archive))
        archive.seek(0)
        with translated(f"build {reference}"):
            output = engine.client.api.build(
                fileobj=archive,
                custom_context=True,
                dockerfile=f"{gathered.module_path}/Dockerfile",
                tag=reference,
                buildargs=arguments,
                labels=labels,
                rm=True,
                forcerm=True,
                use_config_proxy=True,
                decode=True,
            )
        _follow(output, reference, on_line)
    return reference


def ensure_built(
    plugin: Plugin,
    engine: DockerEngine,
    *,
    bases: Mapping[str, str],
    on_line: OnLine,
) -> str:
    """The image of a plugin added from its folder, built if folder or SDK have changed since. Same errors.

    It is built as the last time: same arguments, context and added files. Raises Conflict when the folder's
    VERSION is no longer the plugin's.
    """
    assert plugin.folder is not None, "only a plugin added from a folder can be built"
    folder = read_plugin_folder(Path(plugin.folder))
    registry = plugin.image.removesuffix(folder.image).rstrip("/")
    if folder.reference(registry) != plugin.reference:
        raise Conflict(
            f"{plugin.folder}/VERSION says {folder.image}:{folder.tag}, but the plugin was added as "
            f"{plugin.reference}; add the folder again with `agent plugin add {plugin.folder}`"
        )
    try:
        labels = engine.image(plugin.reference, pull="never").labels
    except ImageNotFound:
        labels = {}
    before = _build_before(labels)
    if labels.get(CONTENT_LABEL) == folder.content_sha256:
        sdk = labels.get(SDK_LABEL)
        if sdk == "" or sdk == build_context(folder.path).sdk_sha256():
            return plugin.reference
    return build_plugin(folder, registry=registry, bases=bases, on_line=on_line, engine=engine, **before)


def _as_label(data: Mapping[str, Any]) -> str:
    """In base64 as the official labels, because the builder would replace a `$`."""
    return base64.b64encode(json.dumps(data).encode()).decode()


def _build_before(labels: Mapping[str, str]) -> dict[str, Any]:
    """How the image was built, as arguments of `build_plugin`; nothing when it was not built by it."""
    try:
        told = json.loads(base64.b64decode(labels[BUILD_LABEL]))
        return {
            "build_args": dict(told["args"]),
            "context": Path(told["context"]) if told["context"] else None,
            "include": [Path(text) for text in told["include"] if Path(text).exists()],
        }
    except (ValueError, TypeError, KeyError):
        return {}


def _provide_base(engine: DockerEngine, wanted: str, image: str, needed: Sequence[Base], on_line: OnLine) -> None:
    """Let `image` be found under the name the Dockerfile will look for."""
    if all(base.reference != wanted for base in needed):
        asked = ", ".join(base.reference for base in needed) or "no base at all"
        on_line(f"note: the Dockerfile does not ask for {wanted}; it asks for {asked}\n")
        return
    found = engine.image(image)
    repository, _, tag = wanted.rpartition(":")
    with translated(f"tag {image} as {wanted}"):
        engine.client.api.tag(found.digest, repository, tag, force=True)
    on_line(f"{wanted} is {image}\n")


def _check_base(engine: DockerEngine, base: Base, registry: str, tag: str, on_line: OnLine) -> None:
    """Have the base, or raise ImageNotFound with the exact option to pass."""
    prefix, suffix = f"{registry}/", f":{tag}"
    try:
        engine.image(base.reference, pull="never")
        return
    except ImageNotFound:
        on_line(f"pulling {base.reference}\n")
    try:
        engine.image(base.reference)
    except EngineUnavailable:
        raise
    except CouldNotStart as error:
        remedies = []
        if base.reference.startswith(prefix) and base.reference.endswith(suffix):
            name = base.reference.removeprefix(prefix).removesuffix(suffix)
            remedies.append(f"pass `--base {name}=IMAGE` with an image that has Python and what the plugin imports")
        free = [name for name in base.arguments if name not in ("REGISTRY", "TAG")]
        remedies += [f"pass `--build-arg {name}=…`" for name in free[:1]]
        raise ImageNotFound(
            f"the Dockerfile's `{base.line}` asks for {base.reference or 'an image without a name'}, which the engine "
            f"neither has nor could get ({error}); {', or '.join(remedies) or 'pull or load it first'}"
        ) from error


@dataclass(slots=True)
class _Progress:
    """Where a build stands, for the sentence that says why it failed."""

    step: str = ""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    def add(self, text: str) -> None:
        for line in _COLOUR.sub("", text).splitlines():
            if line.startswith("Step "):
                self.step = line.partition(" : ")[2] or line
                self.last.clear()
            elif line.strip() and not line.startswith((" --->", "Removing intermediate")):
                self.last.append(line.rstrip())


def _follow(output: Iterator[dict[str, Any]], reference: str, on_line: OnLine) -> None:
    """Hand the engine's build output on. Raises BuildFailed at its error, with the step and its last lines."""
    progress = _Progress()
    try:
        for entry in output:
            if "error" in entry:
                lines = "".join(f"\n  {line}" for line in progress.last)
                at = f" at `{progress.step}`" if progress.step else ""
                raise BuildFailed(f"building {reference} failed{at}: {entry['error'].strip()}{lines}")
            if text := entry.get("stream", ""):
                progress.add(text)
                on_line(text)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise BuildFailed(f"building {reference} failed: the engine broke off ({words(error)})") from error
