"""An engine that runs a plugin as its author sees it: with the source of the folder, and with a debugger."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.domain import WORKDIR, ContainerSpec, Mount

if TYPE_CHECKING:
    from agent.engines import Container, Engine

POST_MORTEM = Path(__file__).with_name("post_mortem.py")
PORT = 5678  # of the debugger, as in the configurations that `agent plugin new` writes
_PYTHON = "python -u "

Change = Callable[[ContainerSpec], ContainerSpec]


class SourceEngine:
    """An engine, but that it changes what it starts. `Any`: all else is the engine's own."""

    def __init__(self, engine: Engine, *changes: Change) -> None:
        self._engine, self._changes = engine, changes

    def start(self, spec: ContainerSpec) -> Container:
        for change in self._changes:
            spec = change(spec)
        return self._engine.start(spec)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def with_source(folder: Path) -> Change:
    """The plugin's src/ over that of the image, read-only: nothing is built for a change of code."""
    mount = Mount(str((folder / "src").resolve()), f"{WORKDIR}/src", read_only=True)
    return lambda spec: replace(spec, mounts=(*spec.mounts, mount))


def with_debugger(host: str) -> Change:
    """The plugin waits until a debugger has come, at `PORT` of the address."""
    return _as(f"python -Xfrozen_modules=off -u -m debugpy --listen {host}:{PORT} --wait-for-client ")


def with_post_mortem(terminal: str) -> Change:
    """An exception that the plugin does not handle opens pdb in that terminal."""
    return _as(f"python -u {shlex.quote(str(POST_MORTEM))} {shlex.quote(terminal)} ")


def _as(command: str) -> Change:
    def change(spec: ContainerSpec) -> ContainerSpec:
        entrypoint = tuple(part.replace(_PYTHON, command, 1) for part in spec.entrypoint)
        return replace(spec, entrypoint=entrypoint, env={**spec.env, "SLY_DEBUG": "1"})

    return change
