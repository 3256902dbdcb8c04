"""Build a plugin's image as the official script does: arguments, labels, context, name (contract: plugin.md 5)."""

from __future__ import annotations

import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import docker.errors
import requests

from agent.domain import Plugin
from agent.engines.build_recipe import BuildRecipe, load_recipe
from agent.engines.docker import DockerEngine
from agent.engines.docker_errors import describe_error, translated_errors
from agent.errors import BadInput, BuildFailed, Conflict, CouldNotStart, EngineUnavailable, ImageNotFound
from agent.formats.build_context import BuildContext, build_context
from agent.formats.dockerfile import Base, base_images, with_other_bases
from agent.formats.plugin import PluginFolder, labels_of, read_plugin_folder

# Labels added to the official ones. CONTENT_LABEL is the hash of the plugin's folder, BUILD_LABEL that of the whole
# build context: an image is built again when the second has changed. Neither says where or with which arguments.
CONTENT_LABEL, BUILD_LABEL = "CONTENT_SHA256", "BUILD"
LAST_LINES = 15

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the classic builder paints stderr

OnLine = Callable[[str], object]  # gets the engine's output as it comes, newlines included


def build_plugin(
    folder: PluginFolder,
    *,
    registry: str,
    on_line: OnLine,
    recipe: BuildRecipe | None = None,
    sdk_folder: Path | None = None,
    engine: DockerEngine | None = None,
) -> str:
    """Build a plugin's image, and give its reference `<registry>/<name>:<tag>`.

    The recipe's `bases` map the name of a base to the image used for it: official Dockerfiles ask for
    `<registry>/<base>:<the plugin's own tag>`, others for any image. `sdk_folder` is the supervisely_lib to use, by
    default the installed package. Raises ImageNotFound for a missing base, BuildFailed, BadInput, EngineUnavailable.
    """
    engine = engine or DockerEngine()
    recipe = recipe or BuildRecipe()
    gathered = build_context(folder.path, root=recipe.context, sdk=sdk_folder, include=recipe.include)
    arguments = {
        "MODULE_PATH": gathered.module_path,
        "REGISTRY": registry,
        "TAG": folder.tag,
        **recipe.build_args,
    }
    dockerfile = (folder.path / "Dockerfile").read_text(errors="surrogateescape")
    dockerfile = _with_bases(engine, dockerfile, arguments, folder, registry, recipe.bases, on_line)
    for base in base_images(dockerfile, arguments):
        _check_base(engine, base, registry, folder.tag, on_line)
    reference = folder.reference(registry)
    labels = {
        **labels_of(folder, registry),
        CONTENT_LABEL: folder.content_sha256,
        BUILD_LABEL: _sha256(gathered),
    }
    with tempfile.TemporaryFile() as archive:
        gathered.write(cast(BinaryIO, archive), dockerfile=dockerfile.encode(errors="surrogateescape"))
        archive.seek(0)
        with translated_errors(f"build {reference}"):
            build = partial(
                engine.client.api.build,
                fileobj=archive,
                custom_context=True,
                dockerfile=gathered.dockerfile,
                tag=reference,
                buildargs={**engine.proxies, **arguments},
                labels=labels,
                rm=True,
                forcerm=True,
                use_config_proxy=False,
                decode=True,
            )
            output = engine.with_credentials(build)
        if engine.without_credentials:
            on_line(f"note: {engine.without_credentials}\n")
        _follow(output, reference, on_line)
    return reference


def ensure_built(
    plugin: Plugin,
    engine: DockerEngine,
    *,
    recipes: Path,
    bases: Mapping[str, str],
    on_line: OnLine,
) -> str:
    """The image of a plugin added from its folder, built if its build context has changed since the last build.

    The context is the folder, the SDK and the added files. The build follows the recipe of the last build, which
    `recipes` holds; `bases` are added to those of the recipe. Raises Conflict when the folder's VERSION is no longer
    the plugin's, and the errors of `build_plugin`.
    """
    assert plugin.folder is not None, "only a plugin added from a folder can be built"
    folder = read_plugin_folder(Path(plugin.folder))
    registry = plugin.image.removesuffix(folder.image).rstrip("/")
    if folder.reference(registry) != plugin.reference:
        raise Conflict(
            f"{plugin.folder}/VERSION says {folder.image}:{folder.tag}, but the plugin was added as "
            f"{plugin.reference}; add the folder again with `agent plugin add {plugin.folder}`"
        )
    recipe = load_recipe(recipes, plugin.reference)
    try:
        built = engine.image(plugin.reference, pull="never").labels.get(BUILD_LABEL)
    except ImageNotFound:
        built = None
    if built is not None and built == _sha256(build_context(folder.path, root=recipe.context, include=recipe.include)):
        return plugin.reference
    recipe = replace(recipe, bases={**recipe.bases, **bases})
    build_plugin(folder, registry=registry, recipe=recipe, on_line=on_line, engine=engine)
    recipe.save(recipes, plugin.reference)
    return plugin.reference


def _sha256(context: BuildContext) -> str:
    try:
        return context.sha256()
    except OSError as error:
        raise BadInput(f"cannot read {error.filename} for the build: {error.strerror}") from error


def _with_bases(
    engine: DockerEngine,
    dockerfile: str,
    arguments: Mapping[str, str],
    folder: PluginFolder,
    registry: str,
    bases: Mapping[str, str],
    on_line: OnLine,
) -> str:
    """The Dockerfile to build with the given bases.

    An image gets the name under which an official Dockerfile asks for it. A name from elsewhere is not taken from its
    owner: the FROM line changes.
    """
    needed = base_images(dockerfile, arguments)
    literal: dict[str, str] = {}
    for name, image in bases.items():
        wanted = f"{registry}/{name}:{folder.tag}"
        if any(base.reference == wanted for base in needed):
            _tag_base(engine, wanted, image, on_line)
            continue
        named = [base.reference for base in needed if name in (base.reference, _without_tag(base.reference))]
        if named:
            engine.image(image)
            literal |= dict.fromkeys(named, image)
            on_line(f"{' and '.join(named)} is {image}\n")
        else:
            asked = ", ".join(base.reference for base in needed) or "no base at all"
            on_line(f"note: the Dockerfile does not ask for {wanted}; it asks for {asked}\n")
    return with_other_bases(dockerfile, arguments, literal)


def _without_tag(reference: str) -> str:
    repository, colon, tag = reference.rpartition(":")
    return repository if colon and "/" not in tag else reference


def _tag_base(engine: DockerEngine, wanted: str, image: str, on_line: OnLine) -> None:
    """Tag `image` with the name that the Dockerfile asks for."""
    found = engine.image(image)
    repository, _, tag = wanted.rpartition(":")
    with translated_errors(f"tag {image} as {wanted}"):
        engine.client.api.tag(found.digest, repository, tag, force=True)
    on_line(f"{wanted} is {image}\n")


def _check_base(engine: DockerEngine, base: Base, registry: str, tag: str, on_line: OnLine) -> None:
    """Make sure that the engine has the base, or raise ImageNotFound with the option to pass."""
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
        else:
            name = base.reference
        if name:
            remedies.append(f"pass `--base {name}=IMAGE` with an image that has Python and what the plugin imports")
        free = [name for name in base.arguments if name not in ("REGISTRY", "TAG")]
        remedies += [f"pass `--build-arg {name}=…`" for name in free[:1]]
        raise ImageNotFound(
            f"the Dockerfile's `{base.line}` asks for {base.reference or 'an image without a name'}, which the engine "
            f"neither has nor could get ({error}); {', or '.join(remedies) or 'pull or load it first'}"
        ) from error


@dataclass(slots=True)
class _Progress:
    """The current step of a build and its last lines, for the sentence that explains a failure."""

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
    """Pass the build's output to `on_line`. Raises BuildFailed with the failed step and its last lines."""
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
        raise BuildFailed(
            f"building {reference} failed: the engine ended the connection ({describe_error(error)})"
        ) from error
