"""`agent model …`: list the model states of the library, bring one in, write one out, and which of them stay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.care import add_care
from agent.cli.installation import load_settings, open_installation
from agent.cli.output_file import output_file
from agent.domain import Provenance
from agent.errors import Invalid
from agent.fs.disk import size_text
from agent.installation import half_made_in, node_of

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]
Kept = Annotated[str, typer.Argument(metavar="MODEL", help="Id, name, or task:N/best.")]


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="Weights with config.json at the top.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar to write; - for standard output.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
) -> None:
    """Pack a folder into a model state tar: the same files give the same bytes."""
    from agent.formats import model_state

    half_made = half_made_in(load_settings())
    with output_file(output, half_made, force=force) as made:
        if problems := model_state.check_model_state(folder):
            raise Invalid(f"model state folder {folder}", problems)
        model_state.pack_file(folder, made.path, half_made, replace=force)
        size_bytes = made.path.stat().st_size
    made.say(size_text(size_bytes))


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A model state tar, or a folder to pack.")],
    name: Annotated[str | None, typer.Option(help="Default: the file's name.")] = None,
    only_train: Annotated[bool, typer.Option("--only-train", help="Never for inference.")] = False,
    plugin: Annotated[str | None, typer.Option(help="The plugin it was made for: id, title, image or folder.")] = None,
    json: Json = False,
) -> None:
    """Import a model state. The same content is imported once; with --plugin, a known one then belongs to it."""
    with open_installation() as installation:
        store, origin = installation.store, Provenance()
        if plugin is not None:
            origin = library.origin_of(
                library.resolve_plugin(
                    store, plugin, installation.settings.registry, node=node_of(installation.settings)
                )
            )
        model = library.add_model(
            store, installation.artifacts, path, name=name, only_train=only_train, provenance=origin
        )
    if json:
        show.as_json(model)
    else:
        show.out.print(f"model {model.id}: {model.name} ({size_text(model.size_bytes)})", markup=False)


@app.command("list")
def list_(limit: Limit = 50, json: Json = False) -> None:
    """The newest models."""
    with open_installation() as installation:
        found = installation.store.models.list(limit=limit)
        task_ids = {m.provenance.task_id for m in found if m.provenance.task_id is not None}
        best = [library.best_of_task(installation.store, task_id) for task_id in task_ids]
        best_models = {checkpoint.model_id for checkpoint in best if checkpoint is not None}
    if json:
        show.as_json(found)
        return
    rows = (
        (
            m.id,
            m.name,
            size_text(m.size_bytes),
            m.provenance.task_id,
            m.id in best_models,
            m.only_train,
            m.pinned,
            m.created_at,
        )
        for m in found
    )
    columns = ("ID", "NAME", "SIZE", "TASK", "BEST", "TRAIN ONLY", "PINNED", "CREATED")
    show.table(columns, rows, empty="No models yet; add one with `agent model add TAR`.")


@app.command("show")
def show_(
    reference: Annotated[str, typer.Argument(metavar="MODEL", help="Id, name, task:N/best or task:N/latest.")],
    json: Json = False,
) -> None:
    """One model: where it came from and what is in it."""
    from agent.formats.archive import list_archive

    with open_installation() as installation:
        model = library.resolve_model(installation.store, installation.artifacts, reference)
        with installation.artifacts.open(model.sha256) as tar:
            members = [m for m in list_archive(tar).members if not m.is_folder]
    if json:
        show.as_json({"model": model, "members": members})
        return
    origin = model.provenance
    rows: list[tuple[str, object]] = [
        ("name", model.name),
        ("sha256", model.sha256),
        ("size", size_text(model.size_bytes)),
        ("train only", model.only_train),
        ("task", origin.task_id),
        ("checkpoint", origin.checkpoint_index),
        ("best when reported", origin.is_best),
        ("plugin", origin.plugin_image),
        ("image", origin.image_digest),
        ("project", origin.project_id),
        ("parent model", origin.parent_model_id),
        ("tags", ", ".join(model.tags)),
        ("created", model.created_at),
        ("notes", model.notes),
    ]
    show.table(("", ""), [row for row in rows if row[1] not in (None, False, "")], empty="")
    show.table(("FILE", "SIZE"), ((m.name, size_text(m.size_bytes)) for m in members), empty="It is empty.")


@app.command()
def export(
    reference: Annotated[str, typer.Argument(metavar="MODEL", help="Id, name, task:N/best or task:N/latest.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar to write; - for standard output.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
) -> None:
    """Write a model's tar to a file."""
    with open_installation() as installation:
        store, artifacts = installation.store, installation.artifacts
        with output_file(output, artifacts.half_made, force=force) as made:
            model = library.resolve_model(store, artifacts, reference)
            library.export_model(store, artifacts, model, made.path, replace=force)
    made.say(size_text(model.size_bytes))


# ---------------------------------------------------------------- which models stay


@app.command()
def pin(reference: Kept) -> None:
    """Keep a model whatever the retention policy says."""
    _pin(reference, pinned=True)


@app.command()
def unpin(reference: Kept) -> None:
    """Let the retention policy decide about a model again."""
    _pin(reference, pinned=False)


def _pin(reference: str, *, pinned: bool) -> None:
    with open_installation() as installation:
        model = library.resolve_model(installation.store, installation.artifacts, reference)
        installation.store.models.pin(model.id, pinned=pinned)
    show.out.print(f"model {model.id} is {'pinned' if pinned else 'not pinned'}", markup=False)


add_care(app, "model")
