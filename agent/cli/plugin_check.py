"""`agent plugin check`: is this folder a plugin that trains, packs, infers, continues and transfers?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent import library
from agent.cli import show
from agent.cli.installation import open_installation
from agent.errors import BadInput, NotFound, PluginFailed
from agent.fs.names import shown, visible
from agent.fs.paths import given_path
from agent.task_options import RequestedOptions

if TYPE_CHECKING:
    from agent.domain import Plugin
    from agent.engines import Engine
    from agent.installation import Installation
    from agent.workbench.check.finding import Finding
    from agent.workbench.check.steps import Step

_MARKS = {
    "passed": ("ok  ", "green"),
    "warned": ("warn", "yellow"),
    "failed": ("FAIL", "red"),
    "skipped": ("skip", "dim"),
}


def check(
    folder: Annotated[Path, typer.Argument(metavar="PLUGIN", help="The plugin's folder.")],
    project: Annotated[
        str | None, typer.Option(help="Folder, id or name; a small part is used. Default: one is drawn.")
    ] = None,
    static: Annotated[bool, typer.Option("--static", help="Look at the folder only; run nothing.")] = False,
    engine: Annotated[str | None, typer.Option(help="auto, docker, process, apptainer.")] = None,
    images: Annotated[int, typer.Option(min=4, max=1000, help="Of the project that are used.")] = 12,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the training's config.")
    ] = None,
    base: Annotated[list[str] | None, typer.Option(metavar="NAME=IMAGE", help="For building the image.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the certificate as a page.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail the check, too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The certificate, machine-readable.")] = False,
) -> None:
    """Look at a plugin's folder, run it on a small project, and certify what it can. Exits with 1 for faults."""
    from agent.cli.signals import interruptible  # late: only this command runs tasks here
    from agent.cli.submit_task import built_here
    from agent.fs.atomic import write_atomically
    from agent.workbench.check import check as checking
    from agent.workbench.check.certificate import as_html, as_json, verdict

    if html is not None and given_path(html).is_dir():
        raise BadInput(f"{shown(str(html))} is a folder; name a file in it")
    with open_installation() as installation, interruptible(leaves=False, left=lambda: "no task stays") as shutdown:

        def ready(plugin: Plugin, opened: Engine) -> None:
            from agent.cli.plugin import pairs

            # Built only: the plugin is one of a private installation, whose numbers mean others in the library.
            built_here(installation.settings, plugin, opened, pairs(base, "--base"))

        wanted = checking.Wanted(
            folder=given_path(folder),
            project=None if project is None else _part(installation, project, images),
            is_static=static,
            images=images,
            overrides=set_ or (),
            options=RequestedOptions(engine=engine),
        )
        tell = checking.Tell() if json else checking.Tell(ended=_say_step)
        made = checking.check(installation, wanted, ready=ready, tell=tell, shutdown=lambda: shutdown)
        said = as_json(made)
        keep(installation, said)
    if html is not None:
        write_atomically(given_path(html), as_html(said).encode())
    if json:
        show.as_json(said)
    else:
        for finding in made.static:
            say_finding(finding)
        show.out.print(verdict(said), markup=False)
    if not made.passed or (strict and made.findings):
        raise typer.Exit(PluginFailed.exit_code)


def keep(installation: Installation, said: Mapping[str, Any]) -> None:
    """Keep the certificate where the library has the plugin: its page shows it.

    One of the folder alone does not replace one of the same folder with runs. A folder that is no plugin has none.
    """
    of_plugin = said["plugin"]
    if "reference" not in of_plugin:
        return
    with suppress(NotFound):
        plugin = installation.store.plugins.find(str(of_plugin["reference"]))
        if not said["steps"]:
            before = installation.store.plugin_checks.find(plugin.id)
            if before is not None and before.certificate["steps"] and before.certificate["plugin"] == of_plugin:
                return
        installation.store.plugin_checks.put(plugin.id, said)


def _part(installation: Installation, reference: str, images: int) -> Callable[[Path], object]:
    """What writes a part of a project: of a folder, else of a project of the library. Raises NotFound."""
    from agent.workbench.check import projects

    if (path := given_path(reference)).is_dir():
        return lambda dest: projects.part(path, dest, images)
    project = library.resolve_project(installation.store, installation.artifacts, reference)
    return lambda dest: projects.part_of_library(installation.store, installation.artifacts, project, dest, images)


def _say_step(step: Step) -> None:
    mark, style = _MARKS["warned" if step.findings and step.state.value == "passed" else step.state.value]
    show.out.print(mark, style=style, end=" ")
    why = f" ({step.why})" if step.why else f" {step.seconds:.1f} s"
    show.out.print(f"{visible(step.title)}{why}", markup=False)
    for finding in step.findings:
        say_finding(finding)


def say_finding(finding: Finding) -> None:
    style = "red" if finding.level == "fault" else "yellow"
    show.out.print(f"     {visible(finding.where)}: {visible(finding.said)}", style=style, markup=False)
    show.out.print(f"     {visible(finding.remedy)}", markup=False)
