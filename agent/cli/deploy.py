"""`agent deploy`: a task whose model answers requests, followed until it does."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import interrupt, show
from agent.cli.installation import open_installation
from agent.cli.run_options import RunOptions, Source, with_shared_options
from agent.cli.submit import Detach, DryRun, Json, Set
from agent.cli.submit_task import Asked, build_if_missing, checked, have_agent, show_plan
from agent.cli.task import LostForGood, how_to_go_on, say_end
from agent.cli.task_show import summary
from agent.cli.web_client import web_address
from agent.domain import Task, TaskStatus, TaskType
from agent.errors import Conflict
from agent.submission import config_notes

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.settings import Settings

ModelRef = Annotated[str, typer.Option("--model", help="Id, name, task:N/best, tar or folder.")]
PluginOrNone = Annotated[
    str | None, typer.Option("--plugin", help="Id, title, image or folder; default: the model's own.")
]
Name = Annotated[str | None, typer.Option(help="Name of the task.")]
Follow = Annotated[bool, typer.Option("--follow", help="Stay until the task ends.")]

_ANSWER_S = 20.0  # the first answer of a web on a busy machine takes seconds; one that is not there refuses at once


@with_shared_options
def deploy(
    *,
    model: ModelRef,
    plugin: PluginOrNone = None,
    name: Name = None,
    source: Source,
    set_: Set = None,
    how: RunOptions,
    detach: Detach = False,
    follow: Follow = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Deploy a model: it answers requests until its task is stopped. Returns when it does; the task goes on."""
    from agent.run.outcome import exit_code  # late: as for other tasks

    asked = Asked(
        type=TaskType.DEPLOY, plugin=plugin, projects=(), models=(model,), name=name,
        config=source.config, preset=source.preset, overrides=set_ or (), options=how.requested(),
    )  # fmt: skip
    signal.signal(signal.SIGINT, interrupt)
    with open_installation() as installation:
        of_plugin, new, engine = checked(installation, asked)
        for line in config_notes(of_plugin, new):
            show.err.print(f"Note: {line}", markup=False)
        if dry_run:
            from agent.run.dry_run import plan

            show_plan(plan(new, installation, engine.info()), as_json=json)
            return
        _require_web(installation.settings)
        build_if_missing(installation, of_plugin, engine, how.bases)
        task = installation.store.tasks.add(new)
        have_agent(installation, task, new, of_plugin)
        if detach:
            show.as_json(task) if json else show.out.print(str(task.id), markup=False)
            return
        show.err.print(f"task {task.id}: {task.name}", markup=False)
        task = _watched(installation, task.id, until_ready=True)
        if not task.status.is_final:
            _say_ready(installation.settings, task)
            if follow:
                task = _watched(installation, task.id, until_ready=False)
        if task.status.is_final and not json:
            say_end(task)
        if json:
            show.as_json(summary(installation.store, task))
    raise typer.Exit(exit_code(task) if task.status.is_final else 0)


def _watched(installation: Installation, task_id: int, *, until_ready: bool) -> Task:
    """The task when it has ended, or when its model answers. Conflict when it has lost its agent."""
    from agent.cli.follow import Watch  # late: it loads the library of progress bars

    def is_ready(task: Task) -> bool:
        return until_ready and task.status is TaskStatus.DEPLOYED

    watch = Watch(installation.store, task_id, show.err, gone=LostForGood(installation, task_id))
    try:
        task = watch.until_end(is_enough=is_ready)
    except KeyboardInterrupt:
        show.err.print(f"task {task_id} goes on; `agent task stop {task_id}` ends it", markup=False)
        raise
    if not task.status.is_final and not is_ready(task):
        raise Conflict(how_to_go_on(task_id))
    return task


def _say_ready(settings: Settings, task: Task) -> None:
    show.err.print(f"task {task.id} is deployed: model {task.model_id} answers until `agent task stop {task.id}`")
    show.err.print(f"  agent infer --model {task.model_id} IMAGE", markup=False)
    show.err.print(f"  POST {web_address(settings)}/api/models/{task.model_id}/infer", markup=False)


def _require_web(settings: Settings) -> None:
    """Conflict where no web answers, from which a deployed model gets its requests."""
    address = settings.models_url or web_address(settings)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"{address}/healthz", timeout=_ANSWER_S).close()
    except urllib.error.HTTPError:  # an answer, too: containers may not ask for everything
        return
    except (OSError, ValueError, HTTPException):
        raise Conflict(
            f"no web answers at {address}, from which a deployed model gets its requests; start it with `agent up`"
        ) from None
