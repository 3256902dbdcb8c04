"""A whole check: the folder is looked at, the plugin is run on the bench, and both make a certificate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import library
from agent.errors import AgentError, Invalid
from agent.formats.plugin import read_plugin_folder
from agent.run.shutdown import Shutdown
from agent.task_options import RequestedOptions
from agent.workbench.check.bench import Bench, private_installation
from agent.workbench.check.certificate import Certificate
from agent.workbench.check.dynamic import Dynamic
from agent.workbench.check.finding import Finding
from agent.workbench.check.static import static_findings
from agent.workbench.check.static_layers import Layer, layers_of, of_layers
from agent.workbench.check.steps import Step
from agent.workbench.sample_project import write_sample

if TYPE_CHECKING:
    from agent.domain import Plugin
    from agent.engines import Engine
    from agent.installation import Installation

SAMPLE = "sample"
IMAGES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A check as asked for. `project` writes a small project into a folder that is not there; None: one is drawn."""

    folder: Path
    project: Callable[[Path], object] | None = None
    kind: str = ""  # of the project that is drawn; empty: guessed
    is_static: bool = False  # the plugin is not run
    images: int = IMAGES
    overrides: Sequence[str] = ()
    options: RequestedOptions = field(default_factory=RequestedOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """What a person hears meanwhile."""

    begins: Callable[[str], object] = lambda _: None
    ended: Callable[[Step], object] = lambda _: None


def check(
    installation: Installation,
    wanted: Wanted,
    *,
    ready: Callable[[Plugin, Engine], object] = lambda *_: None,
    tell: Tell | None = None,
    shutdown: Callable[[], Shutdown] = Shutdown,
) -> Certificate:
    """Check a plugin. `ready` builds its image where the engine needs one. What stays is in the certificate alone.

    Raises what keeps a check from being made: NotFound for a folder that is not there, EngineUnavailable, BuildFailed,
    StorageFailed.
    """
    tell = tell or Tell()
    settings = installation.settings
    static = static_findings(wanted.folder)
    try:
        folder = read_plugin_folder(wanted.folder)
    except Invalid:  # which the findings say
        return _certificate({"title": wanted.folder.name}, static)
    plugin_said = {
        "title": folder.title,
        "reference": folder.reference(settings.registry),
        "content_sha256": folder.content_sha256,
    }
    if wanted.is_static:
        return _certificate(plugin_said, static)
    engine = installation.open_engine(wanted.options.engine or settings.engine, settings)
    with (
        installation.artifacts.half_made.making("check") as place,
        private_installation(settings, place / "home") as private,
    ):
        plugin = library.add_plugin_folder(private.store, wanted.folder, settings.registry)
        ready(plugin, engine)
        small = place / "project" / SAMPLE
        if wanted.project is None:
            write_sample(small, wanted.kind or kind_of(folder.title, folder.description), images=wanted.images)
        else:
            wanted.project(small)
        bench = Bench(private, engine, plugin, wanted.options, shutdown)
        dynamic = Dynamic(bench, small, place / "project", wanted.overrides, tell.begins)
        steps = []
        for step in dynamic.steps():
            steps.append(step)
            tell.ended(step)
        project = bench.add(small)  # the same content is there once
        info = engine.info()
        engine_said: dict[str, Any] = {"name": info.name, "version": info.version}
        with suppress(AgentError):
            engine_said["image_digest"] = engine.image(plugin.reference, "never").digest or None
            layers = image_layers(engine, plugin.reference)
            engine_said |= {"layers": [asdict(layer) for layer in layers]} if layers else {}
            static += of_layers(layers)
        project_said = {
            "name": project.name,
            "images": project.images_count,
            "content_sha256": project.content_sha256,
            "is_drawn": wanted.project is None,
        }
    return _certificate(plugin_said, static, steps, engine_said, project_said)


def image_layers(engine: Engine, reference: str) -> list[Layer]:
    """The layers of the plugin's image with their sizes; none for an engine that knows of none. AgentError."""
    from agent.engines.docker import DockerEngine  # late: only Docker tells them

    return layers_of(engine.history(reference)) if isinstance(engine, DockerEngine) else []


def _certificate(
    plugin: Mapping[str, Any],
    static: Sequence[Finding],
    steps: Sequence[Step] = (),
    engine: Mapping[str, Any] = {},
    project: Mapping[str, Any] | None = None,
) -> Certificate:
    return Certificate(
        plugin=plugin, engine=engine, project=project, static=static, steps=steps, made_at=datetime.now(UTC)
    )


def kind_of(*texts: str) -> str:
    """The kind of project that a plugin works with, guessed from what it says of itself. Pure."""
    said = " ".join(texts).lower()
    if re.search(r"detect|yolo|ssd|rcnn|r-cnn|box", said):
        return "detection"
    return "classification" if re.search(r"classif|resnet|recogni", said) else "segmentation"
