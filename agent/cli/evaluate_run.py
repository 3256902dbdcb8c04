"""The work of `agent evaluate`: an evaluation asked for, and computed by this process or watched."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from agent import library
from agent.cli import INTERRUPTED, show
from agent.cli.evaluate_show import print_evaluation, summary, whole
from agent.cli.installation import open_installation
from agent.cli.signals import interruptible
from agent.errors import AgentError, Conflict, NotFound, PluginFailed
from agent.evaluating.control import is_computed
from agent.library.evaluations import EvaluationRequest, Matching, evaluate
from agent.store import EvaluationStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.domain import Task
    from agent.installation import Installation
    from agent.run.shutdown import Shutdown
    from agent.store import Evaluation, Store

log = logging.getLogger("agent")

_LOOK_S = 1.0  # how often to look at one that another process computes

Tell = Callable[["Evaluation"], None]


def evaluate_projects(truth: str | None, predictions: str, matching: Matching, *, detach: bool, as_json: bool) -> None:
    """Ask for the evaluation, and see it done. BadInput, NotFound; Exit with 1 for one that failed."""
    with open_installation() as installation:
        store, artifacts = installation.store, installation.artifacts
        predicted = library.resolve_project(store, artifacts, predictions, note=show.note)
        judge = library.resolve_project(store, artifacts, truth, note=show.note) if truth is not None else None
        asked = EvaluationRequest(
            truth=judge.id if judge is not None else None, predictions=predicted.id, matching=matching
        )
        evaluation = evaluate(store, asked)
        if detach:
            show.as_json(summary(evaluation)) if as_json else show.out.print(str(evaluation.id), markup=False)
            return
        with (
            interruptible(leaves=True, left=lambda: _how_to_go_on(evaluation.id)) as shutdown,
            _telling(as_json) as tell,
        ):
            ended = see_done(store, evaluation.id, shutdown, tell)
        if ended is None:
            raise NotFound(f"Evaluation {evaluation.id} was removed meanwhile.")
        if not ended.is_over:
            show.err.print(_how_to_go_on(ended.id), markup=False)
            raise typer.Exit(INTERRUPTED)
        if ended.status is EvaluationStatus.ERROR:
            raise PluginFailed(f"evaluation {ended.id} failed: {ended.reason}")
        show.as_json(whole(store, ended)) if as_json else print_evaluation(store, ended)


def see_done(store: Store, id_: int, shutdown: Shutdown, tell: Tell) -> Evaluation | None:
    """Compute it here, or watch the process that does. Gives it as it is at its end, or when this process is to end.

    None when it was removed.
    """
    from agent.evaluating.runner import compute  # late: it loads what counts

    def stop() -> bool:
        with suppress(AgentError):  # progress is a courtesy
            tell(store.evaluations.get(id_))
        return shutdown.is_asked

    while not shutdown.is_asked:
        try:
            evaluation = store.evaluations.get(id_)
            if evaluation.is_over:
                return evaluation
            if is_computed(evaluation):
                tell(evaluation)
                store.wait_for_change(_LOOK_S)
                continue
            return compute(store, id_, stop=stop)
        except NotFound:
            return None
        except Conflict:  # another process was quicker
            store.wait_for_change(_LOOK_S)
    return store.evaluations.get(id_)


def judge_result(installation: Installation, task: Task, *, quiet: bool) -> None:
    """Evaluate what an inference of this process made, after its end: it changes neither the task nor the exit code."""
    store = installation.store
    with suppress(StopIteration), interruptible(leaves=True, left=_an_agent_goes_on) as shutdown:
        try:
            queued = next(iter(store.evaluations.list(task_id=task.id, limit=1)))
            with _telling(quiet) as tell:
                ended = see_done(store, queued.id, shutdown, tell)
        except AgentError as error:
            show.err.print(f"Note: the predictions were not evaluated: {error}", markup=False)
            return
        except Exception as mistake:
            log.exception("evaluation of task %s", task.id)
            show.err.print(
                f"Note: the predictions were not evaluated: a mistake of this program, {mistake!r}", markup=False
            )
            return
        if ended is None or quiet:
            return
        if ended.status is EvaluationStatus.DONE:
            print_evaluation(store, ended, to_stderr=True)
        elif ended.reason:
            show.err.print(f"Note: the predictions were not evaluated: {ended.reason}", markup=False)


@contextmanager
def _telling(quiet: bool) -> Iterator[Tell]:
    """A bar in a terminal; nothing elsewhere."""
    if quiet or not show.err.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=show.err, transient=True) as progress:
        bar = progress.add_task("evaluating", total=None)

        def tell(evaluation: Evaluation) -> None:
            progress.update(bar, total=evaluation.images_total or None, completed=evaluation.images_done)

        yield tell


def _how_to_go_on(id_: int) -> str:
    return f"evaluation {id_} waits for an agent; the same command goes on with it"


def _an_agent_goes_on() -> str:
    return "the next agent evaluates the predictions"
