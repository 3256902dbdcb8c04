"""`agent plugin new`: a folder with a plugin that trains at once, and a project to train it on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.workbench.scaffold import KINDS, new_plugin

SAMPLE = "sample"


def new(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="The plugin's name, or the path of its new folder.")],
    kind: Annotated[str, typer.Option(help=f"What it learns: {', '.join(KINDS)}.")] = KINDS[0],
    sample: Annotated[
        bool, typer.Option("--sample", help="Draw a project to train on beside it, and import that.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Make a new plugin: a small folder that trains at once."""
    made = new_plugin(folder, kind)
    project, project_id = made.parent / f"{made.name}-{SAMPLE}", None
    if sample:
        from agent import library
        from agent.cli.installation import open_installation  # late: most new plugins need no store
        from agent.workbench.sample_project import write_sample

        write_sample(project, kind)
        with open_installation() as installation:
            project_id = library.add_project(installation.store, installation.artifacts, project, note=show.note).id
    if json:
        drawn = str(project) if sample else None
        show.as_json({"folder": str(made), "kind": kind, "project": drawn, "project_id": project_id})
        return
    show.out.print(str(made), markup=False)
    if sample:
        show.out.print(f"{project} (project {project_id})", markup=False)
    else:
        show.err.print(f"A project to try it on: agent project sample {shlex.quote(str(project))} --kind {kind}")
    quoted = shlex.quote(str(made))
    show.err.print(f"Next: agent submit-train --plugin {quoted} --project {shlex.quote(str(project))} --preset Train")
