"""`agent project …` and `agent model …`: what is in the library, in and out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.house import open_house
from agent.errors import Conflict, Invalid
from agent.formats import model_state
from agent.formats.archive import list_archive
from agent.formats.paths import given_path

projects = typer.Typer(no_args_is_help=True)
models = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]


# ---------------------------------------------------------------- projects


@projects.command("add")
def project_add(
    path: Annotated[Path, typer.Argument(help="A project folder (meta.json, datasets with img/ and ann/).")],
    name: Annotated[str | None, typer.Option(help="Its name in the library; default: the folder's.")] = None,
    json: Json = False,
) -> None:
    """Import a project folder. The same content is imported once."""
    with open_house() as house:
        project = library.add_project(house.store, house.artifacts, path, name=name)
    if json:
        show.as_json(project)
    else:
        what = f"{project.images_count} images, {show.size(project.size_bytes)}"
        show.out.print(f"project {project.id}: {project.name} ({what})", markup=False)


@projects.command("list")
def project_list(limit: Limit = 50, json: Json = False) -> None:
    """The newest projects."""
    with open_house() as house:
        found = house.store.projects.list(limit=limit)
    if json:
        show.as_json(found)
        return
    rows = ((p.id, p.name, p.images_count, show.size(p.size_bytes), p.task_id, p.created_at) for p in found)
    columns = ("ID", "NAME", "IMAGES", "SIZE", "MADE BY TASK", "CREATED")
    show.table(columns, rows, empty="No projects yet; add one with `agent project add FOLDER`.")


@projects.command("show")
def project_show(reference: Annotated[str, typer.Argument(metavar="PROJECT")], json: Json = False) -> None:
    """One project: datasets, classes, tags."""
    with open_house() as house:
        project = library.resolve_project(house.store, house.artifacts, reference)
        datasets = house.store.projects.datasets(project.id)
    if json:
        show.as_json({"project": project, "datasets": datasets})
        return
    classes = ", ".join(f"{c.get('title')} ({c.get('shape')})" for c in project.meta.get("classes", ())) or "none"
    tags = ", ".join(t if isinstance(t, str) else str(t.get("name")) for t in project.meta.get("tags", ())) or "none"
    show.out.print(f"project {project.id}: {project.name}\nclasses: {classes}\ntags: {tags}", markup=False)
    show.table(("DATASET", "IMAGES"), ((d.name, d.images_count) for d in datasets), empty="It has no datasets.")


@projects.command("export")
def project_export(
    reference: Annotated[str, typer.Argument(metavar="PROJECT")],
    folder: Annotated[Path, typer.Argument(help="Gets a folder with the project's name; must not exist there yet.")],
) -> None:
    """Write a project to disk in Supervisely format."""
    with open_house() as house:
        project = library.resolve_project(house.store, house.artifacts, reference)
        dest = library.export_project(house.store, house.artifacts, project.id, folder)
    show.out.print(str(dest), markup=False)


# ---------------------------------------------------------------- models


@models.command("pack")
def model_pack(
    folder: Annotated[Path, typer.Argument(help="Weights with config.json at the top.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar to write.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
) -> None:
    """Pack a folder into a model state tar: the same files give the same bytes."""
    output = given_path(output)
    if output.exists() and not force:
        raise Conflict(f"{output} exists; choose another name or pass --force")
    if problems := model_state.check_model_state(folder):
        raise Invalid(f"model state folder {folder}", problems)
    model_state.pack_file(folder, output)
    show.out.print(f"{output} ({show.size(output.stat().st_size)})", markup=False)


@models.command("add")
def model_add(
    path: Annotated[Path, typer.Argument(help="A model state tar, or a folder to pack.")],
    name: Annotated[str | None, typer.Option(help="Default: the file's name.")] = None,
    only_train: Annotated[bool, typer.Option("--only-train", help="Never for inference.")] = False,
    json: Json = False,
) -> None:
    """Import a model state. The same content is imported once."""
    with open_house() as house:
        model = library.add_model(house.store, house.artifacts, path, name=name, only_train=only_train)
    if json:
        show.as_json(model)
    else:
        show.out.print(f"model {model.id}: {model.name} ({show.size(model.size_bytes)})", markup=False)


@models.command("list")
def model_list(limit: Limit = 50, json: Json = False) -> None:
    """The newest models."""
    with open_house() as house:
        found = house.store.models.list(limit=limit)
    if json:
        show.as_json(found)
        return
    rows = (
        (
            m.id,
            m.name,
            show.size(m.size_bytes),
            m.provenance.task_id,
            m.provenance.is_best,
            m.only_train,
            m.pinned,
            m.created_at,
        )
        for m in found
    )
    columns = ("ID", "NAME", "SIZE", "TASK", "BEST", "TRAIN ONLY", "PINNED", "CREATED")
    show.table(columns, rows, empty="No models yet; add one with `agent model add TAR`.")


@models.command("show")
def model_show(reference: Annotated[str, typer.Argument(metavar="MODEL")], json: Json = False) -> None:
    """One model: where it came from and what is in it."""
    with open_house() as house:
        model = library.resolve_model(house.store, house.artifacts, reference)
        with house.artifacts.open(model.sha256) as tar:
            members = [m for m in list_archive(tar).members if not m.is_folder]
    if json:
        show.as_json({"model": model, "members": members})
        return
    origin = model.provenance
    rows: list[tuple[str, object]] = [
        ("name", model.name),
        ("sha256", model.sha256),
        ("size", show.size(model.size_bytes)),
        ("train only", model.only_train),
        ("task", origin.task_id),
        ("checkpoint", origin.checkpoint_index),
        ("best", origin.is_best),
        ("plugin", origin.plugin_image),
        ("image", origin.image_digest),
        ("project", origin.project_id),
        ("parent model", origin.parent_model_id),
        ("created", model.created_at),
    ]
    show.table(("", ""), [row for row in rows if row[1] not in (None, False)], empty="")
    show.table(("FILE", "SIZE"), ((m.name, show.size(m.size_bytes)) for m in members), empty="It is empty.")


@models.command("export")
def model_export(
    reference: Annotated[str, typer.Argument(metavar="MODEL")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar to write.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
) -> None:
    """Write a model's tar to a file."""
    output = given_path(output)
    if output.exists() and not force:
        raise Conflict(f"{output} exists; choose another name or pass --force")
    with open_house() as house:
        model = library.resolve_model(house.store, house.artifacts, reference)
        half = output.with_name(f".{output.name}.half")
        try:
            with house.artifacts.open(model.sha256) as source, half.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            half.replace(output)
        finally:
            half.unlink(missing_ok=True)
    show.out.print(f"{output} ({show.size(model.size_bytes)})", markup=False)
