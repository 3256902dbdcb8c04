"""The end of a run, whatever happened: uploads done, container gone, folder tidied, one closing event last of all.

`outcome.py` decides what the end is. Whoever sees the closing event may start the next task from the result at once.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.domain import TaskStatus
from agent.errors import AgentError, ArtifactsAway, EngineUnavailable, StorageFailed, StoreBusy, TakenOver
from agent.events.model import Level
from agent.run.attempt import is_fenced
from agent.run.cancellation import Cancelled, Cause, cancellation
from agent.run.loss import Loss, failure_of_model, fate_of, has_restarts_left
from agent.run.machine import is_at_fault
from agent.run.outcome import Outcome, closing_event, outcome_of
from agent.run.telling import tell_end

if TYPE_CHECKING:
    from agent.run.run import Run

log = logging.getLogger("agent")


def close(run: Run, error: BaseException | None) -> bool:
    """End a run that raised `error`, or nothing; whether the error ends here: expected failures do, bugs go on.

    A task that is left (`Cause.leaves_the_task`) keeps its container, and the error goes on. Raises the error that
    keeps the end from being recorded. The container stays then, ended, with its log: the agent that goes on with the
    task reads from it what could not be recorded now. It is not even killed where the store or the artifacts do not
    answer and this agent is to end: that says nothing about the task.
    """
    if _is_cut_short(run, error):
        _leave(run)
        return False
    first = error
    if run.is_patient and isinstance(error, (EngineUnavailable, StorageFailed)):
        error = _wait(run, error)
    cancelled = cancellation(error)
    if cancelled is not None and cancelled.cause.leaves_the_task:
        _leave(run)
        if cancelled.cause is Cause.TAKEN_OVER:
            _give_up_when_fenced(run)
        if error is not first and error is not None:
            raise error from first
        return False
    outcome = outcome_of(error, run.exit_code)
    try:
        if error is not None:
            outcome = _finish_uploads(run, outcome)
        _record(run, outcome, error)
    except TakenOver:
        run.abandon_uploads()
        _give_up_when_fenced(run)
        raise
    except BaseException as failure:
        if _is_cut_short(run, failure):
            _leave(run)
            raise
        with suppress(AgentError):
            if (container := run.started_container()) is not None:
                container.kill()
        run.abandon_uploads()
        raise
    return error is None or isinstance(error, AgentError)


def _is_cut_short(run: Run, error: BaseException | None) -> bool:
    """Whether this agent was asked to end while the run waited for an answer of the store or of the artifacts."""
    return run.shutdown.is_asked and isinstance(error, (StoreBusy, ArtifactsAway))


def _wait(run: Run, error: AgentError) -> AgentError:
    """Keep a task that this machine cannot run now. Gives the cancellation for that, or for a stop; else the error.

    Raises StorageFailed when the store refuses: the task is this agent's still, and is tried again.
    """
    if run.was_launched and not isinstance(error, EngineUnavailable):
        return error  # results that cannot be kept
    try:
        run.interrupts.raise_if_cancelled()
        if run.was_launched:
            run.note_wait(f"waits for its engine: {error}")
            return Cancelled(Cause.POSTPONED, str(error))
        run.folder.clean()  # it may be what fills the disk
        if not is_at_fault(error, run.installation):
            return error
        run.note_wait(f"waits in the queue: {error}")
        if run.installation.store.tasks.give_back(run.task.id, run.task.agent_id):
            return Cancelled(Cause.GIVEN_BACK, str(error))
        run.interrupts.raise_if_cancelled()
    except (Cancelled, TakenOver) as demanded:
        return demanded
    except StorageFailed:
        run.abandon_uploads()
        raise
    return error


def _leave(run: Run) -> None:
    """Commit the lines that were read. The next agent reads on behind them, and uploads the rest."""
    with suppress(AgentError):  # another agent has the task, or the store refuses: then they are read again
        run.recorder.flush()
    run.abandon_uploads()


def _give_up_when_fenced(run: Run) -> None:
    """Remove the container of a task whose node was declared lost: nobody else can. What it printed since is not kept.

    A container of a task that another agent of the node has is that agent's.
    """
    try:
        if is_fenced(run.installation.store, run.task) and (container := run.started_container()) is not None:
            log.warning("task %s: its node was declared lost, so its container is removed", run.task.id)
            container.kill()
            container.remove()
    except AgentError as error:  # the sweep removes it
        log.warning("task %s: its container could not be removed: %s", run.task.id, error)


def _finish_uploads(run: Run, outcome: Outcome) -> Outcome:
    """What was saved before the failure stays saved. Its own failure counts only for a task that went well so far."""
    try:
        run.finish_uploads()
    except (TakenOver, StoreBusy):
        raise
    except Exception as failure:
        if _is_cut_short(run, failure):
            raise
        # else the first failure is why the task ends
        return outcome_of(failure, run.exit_code) if outcome.status is TaskStatus.FINISHED else outcome
    return outcome


def _record(run: Run, outcome: Outcome, error: BaseException | None) -> None:
    tasks, task_id, agent_id = run.installation.store.tasks, run.task.id, run.task.agent_id
    reason, message, exit_code = outcome.reason, outcome.message or None, outcome.exit_code
    run.recorder.flush()  # lines that could not be committed before are in the container's log only
    loss = (run.loss_of(outcome) if run.loss_of is not None else None) or failure_of_model(run.task, outcome)
    if loss is not None and has_restarts_left(run.task):
        _begin_anew(run, loss)
        return
    tasks.decide(task_id, reason=reason, message=message, exit_code=exit_code, agent_id=agent_id)
    _tidy(run, outcome)
    last = closing_event(outcome.status, reason, outcome.message)
    stack: dict[str, Any] = {}
    if reason == "internal_error" and error is not None:
        stack = {"stack": traceback.format_exception(error)}
    run.note_once("TASK_END", last.event_type, level=last.level, **last.fields, **stack)
    ended = tasks.become(
        task_id, outcome.status, reason=reason, message=message, exit_code=exit_code, agent_id=agent_id
    )
    tell_end(run.installation, ended)


def _begin_anew(run: Run, loss: Loss) -> None:
    """Queue the task for another attempt, with nothing of this one left here, unless it was to be stopped meanwhile."""
    _remove_container(run)
    run.folder.clean()  # an attempt that begins here empties what is left
    task = run.task
    decide = partial(fate_of, loss=loss)
    changed = run.installation.store.tasks.lose_own(task.id, task.agent_id, task.attempt, decide)
    if changed.status.is_final:
        tell_end(run.installation, changed)


def _tidy(run: Run, outcome: Outcome) -> None:
    """No container left, the folder kept or cleaned as the settings say. Reports, never fails the task."""
    settings = run.installation.settings
    failed = outcome.status is TaskStatus.ERROR
    clean = settings.delete_task_dir_on_failure if failed else settings.delete_task_dir_on_finish
    _remove_container(run)
    if clean and (left := run.folder.clean()):
        run.recorder.note(f"could not tidy up after the task: {left[0]} cannot be deleted", level=Level.WARN)
    elif not clean and not failed:  # a failed task's folder is kept until the settings say otherwise
        try:
            run.folder.keep()
        except OSError as error:
            run.recorder.note(f"a later clean may remove {run.folder.path}: {error.strerror}", level=Level.WARN)


def _remove_container(run: Run) -> None:
    try:
        if (container := run.started_container()) is not None:
            container.kill()
            container.remove()
    except AgentError as error:  # an engine that does not answer now; the sweep asks it again
        run.recorder.note(f"could not tidy up after the task: {error}", level=Level.WARN)
