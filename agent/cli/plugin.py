"""`agent plugin …` and `agent build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.care import add_care
from agent.cli.installation import load_settings, open_installation
from agent.errors import BadInput, NotFound
from agent.formats.plugin import read_plugin_folder
from agent.fs.paths import given_path
from agent.installation import node_of

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """`["a=b"]` → `{"a": "b"}`. BadInput names the option."""
    found = dict[str, str]()
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise BadInput(f"{option} {text!r} is not NAME=VALUE")
        found[key] = value
    return found


@app.command("add")
def add(
    reference: Annotated[str, typer.Argument(help="An image with plugin labels, or a plugin folder.")],
    json: Json = False,
) -> None:
    """Add a plugin by its image (labels are read from the engine) or by its folder."""
    with open_installation() as installation:
        settings, node = installation.settings, node_of(installation.settings)
        if _is_folder(reference):
            plugin = library.add_plugin_folder(installation.store, Path(reference), settings.registry, node=node)
        else:
            engine = installation.open_engine("docker", settings)
            plugin = library.add_plugin_image(installation.store, engine.image(reference, settings.pull), node=node)
    if json:
        show.as_json(plugin)
    else:
        modes = ", ".join(plugin.modes) or "none"
        show.out.print(f"plugin {plugin.id}: {plugin.title} {plugin.reference} (modes: {modes})", markup=False)


def _is_folder(reference: str) -> bool:
    try:
        return given_path(reference).is_dir()
    except NotFound:  # so long that it can be nothing
        return False


@app.command("list")
def list_(json: Json = False) -> None:
    """The plugins this installation knows."""
    with open_installation() as installation:
        found = installation.store.plugins.list()
    if json:
        show.as_json(found)
        return
    rows = ((p.id, p.title, p.reference, ", ".join(p.modes), len(p.configs), p.folder) for p in found)
    columns = ("ID", "TITLE", "IMAGE", "MODES", "PRESETS", "FOLDER")
    show.table(columns, rows, empty="No plugins yet; add one with `agent plugin add IMAGE_OR_FOLDER`.")


def build(
    folder: Annotated[Path, typer.Argument(metavar="PLUGIN", help="The plugin's folder.")],
    registry: Annotated[str | None, typer.Option(help="First part of the image's name; default: the setting.")] = None,
    base: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=IMAGE", help="Use IMAGE where the Dockerfile asks for base NAME; may be repeated."),
    ] = None,
    build_arg: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Passed to the build.")] = None,
    context: Annotated[Path | None, typer.Option(help="Folder with supervisely_lib/; default: ours.")] = None,
    include: Annotated[
        list[Path] | None, typer.Option(help="Files or folders added to the context's root (wheels, a CA bundle).")
    ] = None,
) -> None:
    """Build a plugin's image as the official script does: arguments, labels, context, name as the last line."""
    from agent.engines.build_recipe import BuildRecipe
    from agent.engines.docker_build import build_plugin  # late: the engine's client is slow to import

    settings = load_settings()
    plugin = read_plugin_folder(folder)
    recipe = BuildRecipe(
        bases=pairs(base, "--base"),
        build_args=pairs(build_arg, "--build-arg"),
        context=context,
        include=include or [],
    )
    reference = build_plugin(
        plugin,
        registry=registry or settings.registry,
        recipe=recipe,
        on_line=lambda line: show.err.print(line, markup=False, end=""),
    )
    recipe.save(settings.builds, reference)
    show.err.print("-" * 60)
    show.out.print(reference, markup=False)


add_care(app, "plugin")
