"""`agent schema`: JSON Schemas for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.errors import BadInput
from agent.formats.schemas import DIALECT, NAMES
from agent.formats.schemas import schema as schema_named


def schema(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=f"{', '.join(NAMES)}; none lists them.")] = None,
    plugin: Annotated[
        Path | None, typer.Option("--plugin", help="Of task_config: the keys of the plugin in this folder.")
    ] = None,
    kind: Annotated[str, typer.Option(help="Of task_config with --plugin: train or inference.")] = "train",
) -> None:
    """Print the JSON Schema of a file that authors write."""
    if name is None:
        for known in NAMES:
            show.out.print(known, markup=False)
        return
    found = schema_named(name)
    if plugin is not None:
        found = _of_plugin(name, plugin, kind)
    show.as_json(found)


def _of_plugin(name: str, folder: Path, kind: str) -> dict[str, object]:
    from agent.formats.plugin import read_plugin_folder  # late: the other schemas need no plugin
    from agent.formats.schemas.derived import task_config_schema

    if name != "task_config":
        raise BadInput(f"--plugin is for task_config alone: {name} is the same for all plugins")
    read = read_plugin_folder(folder)
    presets = [preset["config"] for preset in read.configs if preset.get("type") == kind]
    found = task_config_schema(presets, read.config_schemas.get(kind))
    return {"$schema": DIALECT, "title": f"{kind} of {read.title}", **found}
