"""`agent project …`: list the projects of the library, bring one in, write one out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.care import add_care
from agent.cli.insights import insights
from agent.cli.installation import open_installation
from agent.fs.disk import size_text
from agent.fs.names import counted

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]


@app.command()
def add(
    path: Annotated[
        Path, typer.Argument(help="A project folder (meta.json, datasets with img/ and ann/), or a tar or ZIP of it.")
    ],
    name: Annotated[str | None, typer.Option(help="Its name in the library; default: the folder's.")] = None,
    json: Json = False,
) -> None:
    """Import a project folder. The same content is imported once."""
    with open_installation() as installation:
        project = library.add_project(installation.store, installation.artifacts, path, name=name, note=show.note)
    if json:
        show.as_json(project)
    else:
        what = f"{counted(project.images_count, 'image')}, {size_text(project.size_bytes)}"
        show.out.print(f"project {project.id}: {project.name} ({what})", markup=False)


@app.command("list")
def list_(limit: Limit = 50, json: Json = False) -> None:
    """The newest projects."""
    with open_installation() as installation:
        found = installation.store.projects.list(limit=limit)
    if json:
        show.as_json(found)
        return
    rows = ((p.id, p.name, p.images_count, size_text(p.size_bytes), p.task_id, p.created_at) for p in found)
    columns = ("ID", "NAME", "IMAGES", "SIZE", "MADE BY TASK", "CREATED")
    show.table(columns, rows, empty="No projects yet; add one with `agent project add FOLDER`.")


@app.command("show")
def show_(reference: Annotated[str, typer.Argument(metavar="PROJECT")], json: Json = False) -> None:
    """One project: datasets, classes, tags."""
    with open_installation() as installation:
        project = library.resolve_project(installation.store, installation.artifacts, reference, note=show.note)
        datasets = installation.store.datasets.list(project.id)
    if json:
        show.as_json({"project": project, "datasets": datasets})
        return
    classes = ", ".join(f"{c.get('title')} ({c.get('shape')})" for c in project.meta.get("classes", ())) or "none"
    tags = ", ".join(t if isinstance(t, str) else str(t.get("name")) for t in project.meta.get("tags", ())) or "none"
    show.out.print(f"project {project.id}: {project.name}\nclasses: {classes}\ntags: {tags}", markup=False)
    if project.tags:
        show.out.print(f"tagged: {', '.join(project.tags)}", markup=False)
    if project.notes:
        show.out.print(project.notes, markup=False)
    show.table(("DATASET", "IMAGES"), ((d.name, d.images_count) for d in datasets), empty="It has no datasets.")


@app.command()
def export(
    reference: Annotated[str, typer.Argument(metavar="PROJECT")],
    folder: Annotated[Path, typer.Argument(help="Gets a folder with the project's name; must not exist there yet.")],
) -> None:
    """Write a project to disk in Supervisely format."""
    with open_installation() as installation:
        project = library.resolve_project(installation.store, installation.artifacts, reference, note=show.note)
        dest = library.export_project(installation.store, installation.artifacts, project.id, folder)
    show.out.print(str(dest), markup=False)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="The project's new folder.")],
    kind: Annotated[str, typer.Option(help="As of `agent plugin new`.")] = "segmentation",
    images: Annotated[int, typer.Option(min=4, max=10_000)] = 24,
    seed: int = 0,
) -> None:
    """Draw a small project to try a plugin on; it is not imported."""
    from agent.workbench.sample_project import write_sample  # late: nothing else here draws

    show.out.print(str(write_sample(folder, kind, images=images, seed=seed)), markup=False)


app.command()(insights)
add_care(app, "project")
