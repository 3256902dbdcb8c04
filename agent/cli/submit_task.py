"""The work of `agent submit-train` and `agent submit-inference`: from a command line to a task, run or queued."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import orjson
import typer

from agent import library
from agent.cli import show
from agent.cli.follow import Watch
from agent.cli.installation import open_installation, spawn_agent
from agent.cli.signals import interruptible
from agent.cli.task import how_to_go_on, say_end
from agent.cli.task_show import summary
from agent.domain import CheckpointState, Model, NewTask, Plugin, Task, TaskOptions, TaskStatus, TaskType
from agent.engines.process import ProcessEngine
from agent.errors import AgentError, BadInput, Conflict, Invalid, NotFound, StoreBusy
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse
from agent.fs.names import counted
from agent.installation import Installation, node_of
from agent.liveness import agents_alive, takers, why_not_here
from agent.submission import TaskRequest, config_notes, new_task
from agent.task_options import RequestedOptions, is_hardened, resolve_options

if TYPE_CHECKING:
    from agent.engines import Engine, ImageInfo
    from agent.engines.docker import DockerEngine
    from agent.run.dry_run import Plan
    from agent.settings import Settings
    from agent.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command line, before folders are imported and names resolved."""

    type: TaskType
    plugin: str | None  # None: that of the model, which is to be deployed
    projects: Sequence[str]
    models: Sequence[str]  # empty: start from random weights
    name: str | None
    config: Path | None
    preset: str | None
    overrides: Sequence[str]
    options: RequestedOptions


@dataclass(frozen=True, slots=True)
class How:
    """What the command does with the task."""

    bases: Mapping[str, str]  # for building the plugin's image
    detach: bool
    dry_run: bool
    json: bool
    strict: bool = False  # refuse what would break on the original platform


def submit_task(asked: Asked, how: How) -> None:
    """Queue the task, or run it in this process, or show its plan. Raises typer.Exit with the task's exit code."""
    from agent.run.outcome import exit_code  # late: only submitting needs it

    with open_installation() as installation:
        plugin, new, engine = checked(installation, asked)
        for line in config_notes(plugin, new):
            show.err.print(f"Note: {line}", markup=False)
        if how.strict:
            from agent.cli.portability import refuse_what_breaks

            refuse_what_breaks(plugin, new)
        if how.dry_run:
            from agent.run.dry_run import plan

            show_plan(plan(new, installation, engine.info()), as_json=how.json)
            return
        build_if_missing(installation, plugin, engine, how.bases)
        if how.detach:
            task = installation.store.tasks.add(new)
            have_agent(installation, task, new, plugin)
            show.as_json(task) if how.json else show.out.print(str(task.id), markup=False)
            return
        if why := _why_not_here(installation, new, plugin):
            raise Conflict(f"{why}; with --detach it is queued for a node that can run it")
        task = foreground(installation, engine, new, quiet=how.json)
        if how.json:
            show.as_json(summary(installation.store, task))
        else:
            say_end(task)
            say_results(installation, task)
        if task.type is TaskType.INFERENCE and task.status is TaskStatus.FINISHED:
            from agent.cli.evaluate_run import judge_result  # late: most tasks have nothing to evaluate

            judge_result(installation, task, quiet=how.json)
        code = exit_code(task)
        if how.strict:
            from agent.cli.portability import say_what_breaks

            code = say_what_breaks(installation, task) or code
    raise typer.Exit(code)


def checked(installation: Installation, asked: Asked, *, is_whole: bool = True) -> tuple[Plugin, NewTask, Engine]:
    """The task that may be queued, its plugin, and the engine of this machine. Raises what forbids it."""
    request, plugin = _request(installation, asked)
    request = replace(request, is_whole=is_whole)
    new = new_task(installation.store, installation.settings, request, artifacts=installation.artifacts)
    engine = installation.open_engine(new.options.engine, installation.settings)
    is_hardened(new.options, installation.settings, engine.name)  # refuses processes before anything is queued
    return plugin, new, engine


def build_if_missing(installation: Installation, plugin: Plugin, engine: Engine, bases: Mapping[str, str]) -> None:
    """As `built_here`, for the other nodes as well where they are to get the image. Raises BuildFailed."""
    if (docker := built_here(installation.settings, plugin, engine, bases)) is not None:
        _share_if_new(installation, plugin, docker)


def built_here(settings: Settings, plugin: Plugin, engine: Engine, bases: Mapping[str, str]) -> DockerEngine | None:
    """Build the image of a plugin from source where the engine needs it; then the engine, else None. BuildFailed."""
    if engine.name != "docker":
        return None
    from agent.engines.docker import DockerEngine  # late: its client takes as long to import as the store

    if not isinstance(engine, DockerEngine) or plugin.on(node_of(settings)).folder is None:
        return None
    from agent.engines.docker_build import ensure_built

    ensure_built(plugin, engine, recipes=settings.builds, bases=bases, on_line=_say_dim)
    return engine


def _share_if_new(installation: Installation, plugin: Plugin, engine: DockerEngine) -> None:
    """Tasks run the image of the folder as it is now: one that was pushed before of an older build is none of it."""
    from agent.library.plugin_images import pushes, share_image

    store, settings = installation.store, installation.settings
    wanted = pushes(settings, settings.registry)
    if not plugin.is_shared and not wanted:
        return
    digest = engine.image(plugin.reference, pull="never").digest
    if plugin.is_shared and plugin.image_digest == digest:
        return
    plugin = store.plugins.set_image(plugin.id, digest)
    if not wanted:
        show.err.print(
            f"note: {plugin.reference} was built anew, so only this node has it; `agent plugin push {plugin.id}` gives "
            "it to the others",
            markup=False,
        )
        return
    try:
        share_image(store, installation.artifacts, engine, plugin, registry=settings.registry, on_line=_say_dim)
    except AgentError as error:
        show.err.print(f"note: {error}", markup=False)


def _say_dim(line: str) -> None:
    show.err.print(line, markup=False, end="", style="dim")


def _request(installation: Installation, asked: Asked) -> tuple[TaskRequest, Plugin]:
    """The request with plugin, project and model as values of the library: folders and tars are imported."""
    store, artifacts, settings = installation.store, installation.artifacts, installation.settings
    options = resolve_options(asked.options, settings)
    model = None
    if asked.type is TaskType.DEPLOY:
        model = library.resolve_model(store, artifacts, _single(asked.models, "model"))
    plugin = library.resolve_plugin(
        store,
        _plugin_of(store, model) if asked.plugin is None else asked.plugin,
        settings.registry,
        find_image=lambda name: _find_image(installation, options, name),
        node=node_of(settings),
    )
    project = None
    if asked.type is not TaskType.DEPLOY:
        project = library.resolve_project(store, artifacts, _single(asked.projects, "project"), note=show.note)
    if model is None and asked.models:
        model = library.resolve_model(store, artifacts, _single(asked.models, "model"))
    request = TaskRequest(
        type=asked.type,
        plugin=plugin,
        project=project,
        model=model,
        name=asked.name,
        config=_config(asked.config) if asked.config else None,
        preset=asked.preset,
        overrides=asked.overrides,
        options=asked.options,
    )
    return request, plugin


def _plugin_of(store: Store, model: Model | None) -> int:
    """The plugin of a model. BadInput where nothing tells which it is."""
    found = None if model is None else library.plugin_of_model(store, model, store.plugins.list())
    if found is None:
        raise BadInput("nothing tells which plugin the model belongs to; name it with --plugin")
    return found


def _single(references: Sequence[str], noun: str) -> str:
    if len(references) != 1:
        raise BadInput(f"{len(references)} {noun}s were given; a task works with exactly one --{noun}")
    return references[0]


def _find_image(installation: Installation, options: TaskOptions, name: str) -> ImageInfo:
    """The image of this name. NotFound for a text that can only be an id or a title, and for the process engine."""
    if options.engine == "process" or not set(name) & set(":/"):
        raise NotFound(f"There is no plugin {name!r}; see `agent plugin list`, or give a plugin's folder")
    engine = options.engine if options.engine == "apptainer" else "docker"
    return installation.open_engine(engine, installation.settings).image(name, options.pull)


def _config(path: Path) -> Any:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise BadInput(f"cannot read the config {path}: {error.strerror}") from None
    except NotJson as error:
        raise Invalid("the config", [error.problem(str(path))]) from None


def _ask_engine(engine: ProcessEngine) -> None:
    with suppress(OSError):  # the run asks again
        engine.info()


def _with_engine(installation: Installation, engine: Engine, new: NewTask) -> Installation:
    """The installation, in which a task that asks for this engine gets the open one."""

    def open_engine(name: str, settings: Settings) -> Engine:
        if name in (engine.name, new.options.engine):
            return engine
        return installation.open_engine(name, settings)

    return replace(installation, open_engine=open_engine)


def foreground(
    installation: Installation,
    engine: Engine,
    new: NewTask,
    *,
    quiet: bool,
    on_added: Callable[[Task], object] = lambda _: None,
) -> Task:
    """Run the task in a thread of this process while the main thread watches the store and the keyboard."""
    if isinstance(engine, ProcessEngine):  # it asks in a process of its own, while this one loads what runs tasks
        Thread(target=_ask_engine, args=(engine,), name="engine", daemon=True).start()
    from agent.worker.loop import run_new

    installation = _with_engine(installation, engine, new)
    ids: list[int] = []

    def left() -> str:
        return how_to_go_on(ids[0]) if ids else "nothing was queued"

    with interruptible(leaves=False, left=left) as shutdown, ThreadPoolExecutor(1, thread_name_prefix="task") as pool:
        added: SimpleQueue[Task | None] = SimpleQueue()
        running = pool.submit(run_new, installation, new, shutdown, added.put)
        running.add_done_callback(lambda _: added.put(None))  # the thread may fail before it adds the task
        task = added.get()
        if task is not None:
            ids.append(task.id)
            on_added(task)
        if task is not None and not quiet:
            show.err.print(f"task {task.id}: {task.name}", markup=False)
            watch = Watch(
                installation.store,
                task.id,
                show.err,
                gone=running.done,
                stopping=lambda: shutdown.is_asked,
                rest=lambda seconds: wait([running], seconds),
            )
            with suppress(StoreBusy):  # the run has ended without an answer of the store, and says so below
                watch.until_end()
        return running.result()


def have_agent(installation: Installation, task: Task, new: NewTask, plugin: Plugin) -> None:
    """Start an agent for a queued task that none will take; say why where this machine cannot run it either."""
    if agent_alive(installation, new, plugin):
        return
    if why := _why_not_here(installation, new, plugin):
        show.err.print(f"task {task.id} waits: {why}", markup=False)
    else:
        spawn_agent(installation.settings, task.id)


def agent_alive(installation: Installation, new: NewTask | None = None, plugin: Plugin | None = None) -> bool:
    """Whether an agent will take the task: one that takes tasks from the queue, not a task of its own, and can run it.

    Without a task, whether any agent takes tasks from the queue.
    """
    alive = agents_alive(installation.store, takes="queue")
    return bool(alive if new is None or plugin is None else takers(alive, new, plugin))


def _why_not_here(installation: Installation, new: NewTask, plugin: Plugin) -> str:
    from agent.worker.offer import Offers  # late: it asks the driver of the GPUs

    node, names = node_of(installation.settings), installation.store.nodes.names()
    setting = installation.settings.engine
    return why_not_here(new, plugin, node, Offers(installation).now, names, setting)


def say_results(installation: Installation, task: Task) -> None:
    if task.result_project_id is not None:
        show.err.print(f"  predictions: project {task.result_project_id}", markup=False)
    published = [c for c in installation.store.checkpoints.list(task.id) if c.state is CheckpointState.PUBLISHED]
    kept = [checkpoint for checkpoint in published if checkpoint.model_id is not None]
    if kept:
        best = library.best_of_task(installation.store, task.id)
        if best in kept:
            which = f"the best is {best.index}: model {best.model_id}, also called task:{task.id}/best"
        else:
            which = f"the latest is {kept[-1].index}: model {kept[-1].model_id}"
        show.err.print(f"  {counted(len(kept), 'checkpoint')}; {which}", markup=False)


def show_plan(made: Plan, *, as_json: bool) -> None:
    if as_json:
        show.as_json(made)
        return
    show.table(("IN /sly_task_data", ""), made.layout, empty="")
    show.out.print(f"\ntask_config.json: {orjson.dumps(made.config).decode()}\n", markup=False)
    for remark in made.remarks:
        show.out.print(remark, markup=False)
    show.out.print(f"engine: {made.engine}", markup=False)
    show.as_json(made.container)
