"""`agent dev`: a plugin runs on a handful of images, and again whenever one of its files is saved."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.installation import open_installation
from agent.cli.run_options import RunOptions, with_shared_options
from agent.cli.signals import interruptible
from agent.cli.submit import Set
from agent.cli.submit_task import build_if_missing
from agent.cli.web_client import web_address
from agent.errors import BadInput, CouldNotStart
from agent.fs.paths import given_path
from agent.task_options import resolve_options

if TYPE_CHECKING:
    from agent.domain import Plugin
    from agent.engines import Engine
    from agent.installation import Installation
    from agent.workbench.dev.source_engine import Change


@with_shared_options
def dev(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The plugin's folder.")],
    project: Annotated[
        str | None, typer.Option("--project", help="Id, name or folder; default: FOLDER-sample, if it is there.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Id, name, task:N/best, tar or folder; default: random weights.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Title of a preset for training; default: the first.")] = None,
    set_: Set = None,
    images: Annotated[int, typer.Option(min=1, max=10_000, help="So many of the project, as varied as can be.")] = 8,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="At most so many passes.")] = 1,
    debug: Annotated[bool, typer.Option("--debug", help="Wait for a debugger at port 5678 (debugpy).")] = False,
    pdb: Annotated[bool, typer.Option("--pdb", help="An exception opens pdb here (process engine).")] = False,
    once: Annotated[bool, typer.Option("--once", help="Run once, and end with the run's exit code.")] = False,
    how: RunOptions,
) -> None:
    """Run a plugin on a few images, and again at each save. Ctrl-C ends it."""
    from agent.run.outcome import exit_code
    from agent.workbench.dev.loop import Loop, Wanted
    from agent.workbench.dev.part import part_of
    from agent.workbench.dev.saves import watched
    from agent.workbench.dev.screen import Screen

    if debug and pdb:
        raise BadInput("--debug and --pdb both take the plugin over; choose one")
    plugin_folder = given_path(folder)
    if not plugin_folder.is_dir():
        raise BadInput(f"there is no plugin folder {folder}; `agent plugin new {folder.name or 'NAME'}` makes one")
    with open_installation() as installation, interruptible(leaves=False) as shutdown:
        store, artifacts = installation.store, installation.artifacts
        whole = library.resolve_project(store, artifacts, _project(plugin_folder, project), note=show.note)
        wanted = Wanted(
            folder=plugin_folder,
            project=part_of(store, whole, images),
            model=None if model is None else library.resolve_model(store, artifacts, model),
            preset=preset,
            overrides=set_ or (),
            epochs=epochs,
            options=how.requested(),
            bases=how.bases,
        )
        engine_of = _engines(installation, how, plugin_folder, debug=debug, pdb=pdb)
        address = web_address(installation.settings)
        loop = Loop(
            installation,
            wanted,
            Screen(_write, is_terminal=sys.stdout.isatty()),
            engine_of=engine_of,
            is_over=lambda: shutdown.is_asked,
            page=lambda task_id: f"  {address}/tasks/{task_id}",
        )
        if once:
            ended = loop.once()
            raise typer.Exit(3 if ended is None else exit_code(ended.task))
        with watched(plugin_folder) as saves:
            loop.until_over(saves)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _project(folder: Path, asked: str | None) -> str:
    """What was asked for, else the project that `agent plugin new --sample` has drawn. Raises BadInput."""
    if asked is not None:
        return asked
    drawn = folder.resolve().with_name(f"{folder.resolve().name}-sample")
    if drawn.is_dir():
        return str(drawn)
    raise BadInput(
        f"--project names the project to take images from; `agent project sample {drawn} --kind KIND` draws one"
    )


def _engines(
    installation: Installation, how: RunOptions, folder: Path, *, debug: bool, pdb: bool
) -> Callable[[Plugin, bool], Engine]:
    """The engine of the runs, which is opened once. Its image is built where that is asked for."""
    from agent.workbench.dev.source_engine import PORT, SourceEngine, with_debugger, with_post_mortem, with_source

    settings = installation.settings
    engine = installation.open_engine(resolve_options(how.requested(), settings).engine, settings)
    changes: list[Change] = []
    if engine.name == "process":
        if debug:
            changes.append(with_debugger("127.0.0.1"))
        if pdb:
            changes.append(with_post_mortem(_terminal()))
    elif engine.name == "docker":
        if pdb or debug:
            raise BadInput("--pdb and --debug are for plugins that run as processes; add --engine process")
        changes.append(with_source(folder))
    else:
        raise BadInput(f"agent dev runs plugins as processes or in Docker, not on the engine {engine.name}")
    if debug:
        show.err.print(f"waiting for a debugger at 127.0.0.1:{PORT} once the plugin starts", markup=False)
    with_changes: Engine = SourceEngine(engine, *changes)  # it has all that the engine has
    engine.info()  # the process engine looks for its private view: before the first save

    def engine_of(plugin: Plugin, is_to_build: bool) -> Engine:
        if is_to_build:
            build_if_missing(installation, plugin, engine, how.bases)
        return with_changes

    return engine_of


def _terminal() -> str:
    """The name of this terminal. Raises CouldNotStart without one."""
    with suppress(OSError, ValueError):
        return os.ttyname(sys.stdin.fileno())
    raise CouldNotStart("--pdb needs a terminal, and standard input is none")
