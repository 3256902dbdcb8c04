"""`agent evaluate --task`: infer with the checkpoints of a training, judge each, and show the figures over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from agent import library
from agent.checkpoint_evaluations import (
    JudgedCheckpoint,
    chosen,
    evaluate_checkpoints,
    judged_checkpoints,
    project_for,
    training_of,
)
from agent.cli import INTERRUPTED, show
from agent.cli.evaluate_run import see_done
from agent.cli.evaluate_show import main_figures, summary
from agent.cli.installation import open_installation
from agent.cli.signals import interruptible
from agent.cli.submit_task import agent_alive, build_if_missing
from agent.cli.task import say_end

if TYPE_CHECKING:
    from agent.domain import Project, Task
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown

_LOOK_S = 1.0  # how often to look at tasks that agents run


def evaluate_training(task_id: int, *, project: str | None, best: int | None, detach: bool, as_json: bool) -> None:
    """Queue what is missing, see it done, and show the table. BadInput, NotFound; as `agent run --task`."""
    with open_installation() as installation:
        store = installation.store
        training = training_of(store, task_id)
        on = (
            project_for(store, training, None)
            if project is None
            else library.resolve_project(store, installation.artifacts, project, note=show.note)
        )
        queued = evaluate_checkpoints(store, installation.settings, installation.artifacts, training, on, best=best)
        if detach:
            ids = [task.id for task in queued]
            show.as_json(ids) if as_json else show.out.print("\n".join(map(str, ids)), markup=False)
            return
        with interruptible(leaves=True) as shutdown:
            is_done = _see_all_done(installation, training, on, best, shutdown, quiet=as_json)
        found = judged_checkpoints(store, training, on.id)
    if as_json:
        show.as_json({"project": on.id, "checkpoints": [_as_json(one) for one in found]})
    else:
        _print(found)
    if not is_done:
        show.err.print("the same command goes on with what is missing", markup=False)
        raise typer.Exit(INTERRUPTED)


def _see_all_done(
    installation: Installation, training: Task, project: Project, best: int | None, shutdown: Shutdown, *, quiet: bool
) -> bool:
    """Run or watch the inferences one after the other, then the evaluations; whether all came to their end."""
    store = installation.store
    is_built = False
    for one in chosen(judged_checkpoints(store, training, project.id), best):
        task = one.inference
        while task is not None and not task.status.is_final and not shutdown.is_asked:
            if agent_alive(installation) or task.agent_id is not None:
                store.wait_for_change(_LOOK_S)
            else:
                if not is_built:
                    is_built = True
                    plugin = store.plugins.get(task.plugin_id)
                    engine = installation.open_engine(task.options.engine, installation.settings)
                    build_if_missing(installation, plugin, engine, {})
                _run_here(installation, task.id, shutdown)
            task = store.tasks.get(task.id)
        if shutdown.is_asked:
            return False
        if task is not None and not quiet:
            say_end(task)
    for one in chosen(judged_checkpoints(store, training, project.id), best):
        if one.evaluation is not None:
            see_done(store, one.evaluation.id, shutdown, lambda _: None)
        if shutdown.is_asked:
            return False
    return True


def _run_here(installation: Installation, task_id: int, shutdown: Shutdown) -> None:
    from agent.errors import Conflict
    from agent.run.cancellation import Cancelled
    from agent.worker.loop import run_one  # late: only this runs tasks

    try:
        run_one(installation, task_id, shutdown)
    except Conflict:  # an agent was quicker
        return
    except Cancelled:  # this process is to end; the next agent goes on
        return


def _as_json(one: JudgedCheckpoint) -> dict[str, Any]:
    return {
        "checkpoint_index": one.checkpoint.index,
        "epoch": one.epoch,
        "is_best": one.checkpoint.is_best,
        "model": one.checkpoint.model_id,
        "own": library.validation_metrics(one.checkpoint),
        "task": one.inference.id if one.inference is not None else None,
        "evaluation": summary(one.evaluation) if one.evaluation is not None else None,
    }


def _print(found: list[JudgedCheckpoint]) -> None:
    """A row for each checkpoint, with the plugin's own figures beside those of the evaluation."""
    figures = [main_figures(one.evaluation.headline) if one.evaluation is not None else {} for one in found]
    own = [library.validation_metrics(one.checkpoint) for one in found]
    names, own_names = (list(dict.fromkeys(name for row in rows for name in row)) for rows in (figures, own))
    rows = (
        (
            one.checkpoint.index,
            "" if one.epoch is None else show.number(one.epoch),
            "★" if one.checkpoint.is_best else "",
            one.evaluation.id if one.evaluation is not None else "",
            *(_cell(row.get(name)) for name in names),
            *(_cell(mine.get(name)) for name in own_names),
        )
        for one, row, mine in zip(found, figures, own, strict=True)
    )
    columns = (
        "CHECKPOINT",
        "EPOCH",
        "",
        "EVALUATION",
        *(name.upper() for name in names),
        *(f"OWN {n}" for n in own_names),
    )
    show.table(columns, rows, empty="No checkpoint was published.")


def _cell(value: float | None) -> str:
    return "" if value is None else show.number(value)
