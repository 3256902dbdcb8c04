"""`agent plugin …` and `agent build`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import library
from agent.cli import show
from agent.cli.care import add_care
from agent.cli.installation import load_settings, open_installation
from agent.cli.plugin_check import check
from agent.cli.plugin_new import new
from agent.cli.portability import of_plugin
from agent.errors import AgentError, BadInput, NotFound
from agent.formats.plugin import read_plugin_folder
from agent.fs.paths import given_path
from agent.installation import node_of

if TYPE_CHECKING:
    from agent.domain import Plugin
    from agent.installation import Installation
    from agent.settings import Settings

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
        found, names = installation.store.plugins.list(), installation.store.nodes.names()
    if json:
        show.as_json(found)
        return

    def node(plugin: Plugin) -> str:
        return "all" if plugin.is_shared or plugin.node is None else names.get(plugin.node, plugin.node[:8])

    rows = ((p.id, p.title, p.reference, ", ".join(p.modes), len(p.configs), node(p), p.folder) for p in found)
    columns = ("ID", "TITLE", "IMAGE", "MODES", "PRESETS", "NODES", "FOLDER")
    show.table(columns, rows, empty="No plugins yet; add one with `agent plugin add IMAGE_OR_FOLDER`.")


@app.command("push")
def push(
    reference: Annotated[str, typer.Argument(metavar="PLUGIN", help="Id, image or title of a plugin; or its folder.")],
    artifacts: Annotated[
        bool, typer.Option("--artifacts", help="Into the artifacts, also where AGENT_REGISTRY names a registry.")
    ] = False,
    base: Annotated[
        list[str] | None, typer.Option(metavar="NAME=IMAGE", help="For building the image; see agent build.")
    ] = None,
    json: Json = False,
) -> None:
    """Give the image of a plugin to all nodes: by the registry of AGENT_REGISTRY, else by the artifacts."""
    from agent.engines.docker import DockerEngine  # late: the engine's client is slow to import
    from agent.library.plugin_images import image_to_share, share_image

    with open_installation() as installation:
        settings, store, node = installation.settings, installation.store, node_of(installation.settings)
        plugin = library.resolve_plugin(store, reference, settings.registry, node=node)
        engine = installation.open_engine("docker", settings)
        assert isinstance(engine, DockerEngine)
        if plugin.on(node).folder is not None:
            from agent.engines.docker_build import ensure_built

            ensure_built(plugin, engine, recipes=settings.builds, bases=pairs(base, "--base"), on_line=_say)
        plugin = image_to_share(store, engine, plugin, node=node)
        registry = "local" if artifacts else settings.registry
        plugin = share_image(store, installation.artifacts, engine, plugin, registry=registry, on_line=_say)
    if json:
        show.as_json(plugin)
    else:
        show.out.print(plugin.pushed if plugin.pushed and not artifacts else plugin.reference, markup=False)


def _say(line: str) -> None:
    show.err.print(line, markup=False, end="")


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
    push: Annotated[
        bool | None,
        typer.Option(
            "--push/--no-push", help="Give the image to all nodes, as agent plugin push; default: AGENT_PUSH."
        ),
    ] = None,
) -> None:
    """Build a plugin's image as the official script does: arguments, labels, context, name as the last line."""
    from agent.engines.build_recipe import BuildRecipe
    from agent.engines.docker_build import build_plugin  # late: the engine's client is slow to import

    settings = load_settings()
    if registry:
        from agent.settings import image_prefix  # late: help does not need pydantic

        try:
            image_prefix(registry)
        except ValueError as error:
            raise BadInput(f"--registry: {error}") from None
    plugin = read_plugin_folder(folder)
    recipe = BuildRecipe(
        bases=pairs(base, "--base"),
        build_args=pairs(build_arg, "--build-arg"),
        context=context,
        include=include or [],
    )
    registry = registry or settings.registry
    reference = build_plugin(plugin, registry=registry, recipe=recipe, on_line=_say)
    recipe.save(settings.builds, reference)
    failure = _share_build(settings, folder, registry, reference, asked=push)
    show.err.print("-" * 60)
    show.out.print(reference, markup=False)
    if failure is not None:
        raise failure


def _share_build(
    settings: Settings, folder: Path, registry: str, reference: str, *, asked: bool | None
) -> AgentError | None:
    """Give what was built to the other nodes, where that is wanted. Gives the failure of what was asked for.

    A push that nobody has asked for only warns when it fails: the build is good.
    """
    from agent.engines.docker import DockerEngine  # late, as above
    from agent.library.plugin_images import image_to_share, pushes, share_image
    from agent.store import is_made

    if not pushes(settings, registry, asked):
        with suppress(AgentError):  # a store that does not answer is no matter of the build
            if is_made(settings.store):
                with open_installation() as installation:
                    _tell_of_older(installation, reference)
        return None
    try:
        with open_installation() as installation:
            store, node = installation.store, node_of(settings)
            engine = installation.open_engine("docker", settings)
            assert isinstance(engine, DockerEngine)
            plugin = library.add_plugin_folder(store, folder, registry, node=node)
            plugin = image_to_share(store, engine, plugin, node=node)
            share_image(store, installation.artifacts, engine, plugin, registry=registry, on_line=_say)
    except AgentError as error:
        if asked:
            return error
        show.err.print(f"note: {error}", markup=False)
    return None


def _tell_of_older(installation: Installation, reference: str) -> None:
    """Tasks run what was pushed before: a new build of the same name changes nothing until it is pushed."""
    plugin = installation.store.plugins.find(reference)
    if plugin.is_shared:
        show.err.print(
            f"note: tasks go on with the image of {reference} that was pushed before; "
            f"`agent plugin push {plugin.id}` gives them this one",
            markup=False,
        )


app.command()(new)
app.command()(check)
app.command("portability")(of_plugin)
add_care(app, "plugin")
