"""`agent submit-train` and `agent submit-inference`: the front door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from agent import library
from agent.cli import show
from agent.cli.follow import Watch, describe
from agent.cli.house import open_house, spawn_agent
from agent.cli.plugin import pairs
from agent.cli.serve import interruptible
from agent.cli.task import say_end, summary
from agent.domain import CheckpointState, NewTask, Plugin, Task, TaskOptions, TaskType
from agent.errors import BadInput, Invalid, NotFound
from agent.formats.json_text import NotJson, parse
from agent.house import House
from agent.launch import is_hardened
from agent.presence import is_alive
from agent.settings import size_bytes
from agent.wishes import new_task

if TYPE_CHECKING:
    from agent.engines import ImageInfo
    from agent.plan import Plan

ALIVE_FOR = timedelta(seconds=15)  # an agent that beat this recently will take the task

PluginRef = Annotated[str, typer.Option("--plugin", help="Id, title, image or folder.")]
ProjectRef = Annotated[list[str], typer.Option("--project", help="Id, name or folder.")]
ModelRef = Annotated[list[str], typer.Option("--model", help="Id, name, tar or folder.")]
ModelOrNone = Annotated[
    list[str] | None, typer.Option("--model", help="Id, name, tar or folder; without it training starts from scratch.")
]
Name = Annotated[str | None, typer.Option(help="Name of the result.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="JSON file with the task config.")]
Preset = Annotated[str | None, typer.Option(help="Title of one of the plugin's run configs; default: its first.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key: batch_size.train=8")]
EngineName = Annotated[str | None, typer.Option("--engine", help="auto, docker or process.")]
Gpus = Annotated[str | None, typer.Option(help="auto, none, all, or ids: 0,2")]
Pull = Annotated[str | None, typer.Option(help="missing, always or never.")]
Python = Annotated[str | None, typer.Option(help="Process engine: interpreter with the plugin's packages.")]
Env = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Added to the plugin's environment.")]
Base = Annotated[list[str] | None, typer.Option(metavar="NAME=IMAGE", help="For building the image; see agent build.")]
Memory = Annotated[str | None, typer.Option(help="The container's memory limit: 8G")]
Hardened = Annotated[bool, typer.Option("--hardened", help="No network, no privileges, limits, read-only image.")]
Writable = Annotated[bool, typer.Option("--writable-data", help="Give the plugin private copies of the data.")]
Grace = Annotated[float, typer.Option("--stop-grace", min=0, max=600, help="Seconds between asking and killing.")]
TimeLimit = Annotated[float | None, typer.Option(min=1, metavar="SECONDS", help="End the task after so long.")]
IdleLimit = Annotated[
    float | None, typer.Option(min=1, metavar="SECONDS", help="End it when it prints nothing so long.")
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the task's id and return.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print layout and container; run nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def submit_train(
    plugin: PluginRef,
    project: ProjectRef,
    model: ModelOrNone = None,
    name: Name = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    engine: EngineName = None,
    gpus: Gpus = None,
    pull: Pull = None,
    python: Python = None,
    env: Env = None,
    memory: Memory = None,
    base: Base = None,
    hardened: Hardened = False,
    writable_data: Writable = False,
    stop_grace: Grace = 0.0,
    time_limit: TimeLimit = None,
    idle_limit: IdleLimit = None,
    detach: Detach = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Train a model on a project with a plugin, and watch it. Ctrl-C stops it, twice at once."""
    _submit(TaskType.TRAIN, locals())


def submit_inference(
    plugin: PluginRef,
    project: ProjectRef,
    model: ModelRef,
    name: Name = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    engine: EngineName = None,
    gpus: Gpus = None,
    pull: Pull = None,
    python: Python = None,
    env: Env = None,
    memory: Memory = None,
    base: Base = None,
    hardened: Hardened = False,
    writable_data: Writable = False,
    stop_grace: Grace = 0.0,
    time_limit: TimeLimit = None,
    idle_limit: IdleLimit = None,
    detach: Detach = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Apply a model to a project with a plugin; the predictions become a new project in the library."""
    _submit(TaskType.INFERENCE, locals())


def _submit(kind: TaskType, asked: dict[str, Any]) -> None:
    from agent.engines.docker import DockerEngine  # late: only submitting needs engines, and they are slow to import
    from agent.plan import plan
    from agent.verdict import exit_code

    with open_house() as house:
        wish, plugin = _wish(house, kind, asked)
        engine = house.open_engine(wish.options.engine, house.settings)
        is_hardened(wish.options, house.settings, engine.name)
        if asked["dry_run"]:
            _show_plan(plan(wish, house, engine.info()), as_json=asked["json"])
            return
        if isinstance(engine, DockerEngine) and plugin.folder is not None:
            from agent.build import ensure_built

            ensure_built(
                plugin,
                engine,
                bases=pairs(asked["base"], "--base"),
                on_line=lambda line: show.err.print(line, markup=False, end="", style="dim"),
            )
        if asked["detach"]:
            task = house.store.tasks.add(wish)
            if not _agent_alive(house):
                spawn_agent(house.settings, task.id)
            show.as_json(task) if asked["json"] else show.out.print(str(task.id), markup=False)
            return
        task = _foreground(house, wish, quiet=asked["json"])
        if asked["json"]:
            show.as_json(summary(house.store, task))
        else:
            say_end(task)
            _say_results(house, task)
    raise typer.Exit(exit_code(task))


def _wish(house: House, kind: TaskType, asked: dict[str, Any]) -> tuple[NewTask, Plugin]:
    store, artifacts, settings = house.store, house.artifacts, house.settings
    options = TaskOptions(
        engine=asked["engine"] or settings.engine,
        gpus=asked["gpus"] or settings.gpus,
        pull=asked["pull"] or settings.pull,
        writable_data=asked["writable_data"],
        python=asked["python"],  # else the plugin's own .venv, else AGENT_PYTHON: the engine decides
        stop_grace_s=asked["stop_grace"],
        memory_bytes=_bytes(asked["memory"]),
        hardened=asked["hardened"] or settings.hardened,
        time_limit_s=asked["time_limit"],
        idle_limit_s=asked["idle_limit"],
        env=pairs(asked["env"], "--env"),
    )
    for what, given in (("project", asked["project"]), ("model", asked["model"] or [None])):
        if len(given) != 1:
            raise BadInput(f"{len(given)} {what}s were given; a task works with exactly one --{what}")
    plugin = library.resolve_plugin(
        store, asked["plugin"], settings.registry, find_image=lambda name: _find_image(house, options, name)
    )
    project = library.resolve_project(store, artifacts, asked["project"][0])
    model = (
        library.resolve_model(store, artifacts, asked["model"][0])
        if asked["model"]
        else library.empty_model(store, artifacts)
    )
    wish = new_task(
        store,
        type=kind,
        plugin=plugin,
        project=project,
        model=model,
        name=asked["name"],
        config=_config(asked["config"]) if asked["config"] else None,
        preset=asked["preset"],
        overrides=asked["set_"] or (),
        options=options,
    )
    return wish, plugin


def _find_image(house: House, options: TaskOptions, name: str) -> ImageInfo:
    """A plugin nobody has added may be an image the engine has; an id or a title is not."""
    if options.engine == "process" or not set(name) & set(":/"):
        raise NotFound(f"There is no plugin {name!r}; see `agent plugin list`, or give a plugin's folder")
    return house.open_engine("docker", house.settings).image(name, options.pull)


def _config(path: Path) -> Any:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise BadInput(f"cannot read the config {path}: {error.strerror}") from None
    except NotJson as error:
        raise Invalid("the config", [error.problem(str(path))]) from None


def _bytes(text: str | None) -> int | None:
    try:
        return size_bytes(text) if text else None
    except ValueError as error:
        raise BadInput(f"--memory: {error}") from None


def _foreground(house: House, wish: NewTask, *, quiet: bool) -> Task:
    """Run the task in a thread of this process while this one watches the store and the keyboard."""
    from agent.loop import run_new

    with interruptible() as shutdown, ThreadPoolExecutor(1, thread_name_prefix="task") as pool:
        added: SimpleQueue[Task | None] = SimpleQueue()
        running = pool.submit(run_new, house, wish, shutdown, added.put)
        running.add_done_callback(lambda _: added.put(None))  # it may fail before it is added
        task = added.get()
        if task is not None and not quiet:
            show.err.print(f"task {task.id}: {task.name}", markup=False)
            Watch(house.store, task.id, show.err, gone=running.done).until_end()
        return running.result()


def _agent_alive(house: House) -> bool:
    """Whether an agent will take the task: one that takes what comes, not one with a task of its own."""
    now = datetime.now(UTC)
    return any(
        agent.info.get("takes") == "queue" and now - agent.last_seen < ALIVE_FOR and is_alive(agent.info) is not False
        for agent in house.store.agents.list()
    )


def _say_results(house: House, task: Task) -> None:
    if task.result_project_id is not None:
        show.err.print(f"  predictions: project {task.result_project_id}", markup=False)
    kept = [c for c in house.store.checkpoints.list(task.id) if c.state is CheckpointState.PUBLISHED]
    if kept:
        best = next((c for c in reversed(kept) if c.is_best), kept[-1])
        show.err.print(f"  {len(kept)} checkpoints; the best: {describe(best)}", markup=False)


def _show_plan(made: Plan, *, as_json: bool) -> None:
    if as_json:
        show.as_json(made)
        return
    show.table(("IN /sly_task_data", ""), made.layout, empty="")
    show.out.print(f"\ntask_config.json: {orjson.dumps(made.config).decode()}\n", markup=False)
    for remark in made.remarks:
        show.out.print(remark, markup=False)
    show.out.print(f"engine: {made.engine}", markup=False)
    show.as_json(made.container)
