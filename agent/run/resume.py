"""Going on with a task whose agent died: its container, found by its labels, or why there is none to go on with."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.domain import Step, TaskStatus, TaskType
from agent.errors import AgentError, EngineUnavailable, PluginFailed
from agent.events.model import Stream
from agent.installation import container_labels
from agent.run.cancellation import Cancelled, Cause
from agent.run.collect import DEPLOYED_EVENT
from agent.run.serving import key_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.engines import Container
    from agent.run.run import Run

CONTAINER_LOST = "container_lost"
ENGINE_PATIENCE_S = 120.0  # for an engine that restarts together with the agent: a container may be waiting there
STARTING_S = 3.0  # for a container whose start the dead agent had just asked for
REMOVAL_S = 30.0  # for one that did not start, to be gone


def decided(run: Run) -> Cancelled:
    """The outcome that an agent recorded and did not live to close the task with; its container is to be removed."""
    with suppress(AgentError):  # else the sweep removes it
        run.container = look_for_container(run)
    run.exit_code = run.task.exit_code
    return Cancelled(Cause.ALREADY_DECIDED, run.task.message or "", reason=run.task.reason)


def find_container(run: Run) -> Container | None:
    """As `Run.find_container`, for a task that another agent had before."""
    task = run.task
    container = None if task.engine is None else _wait_for_container(run)
    if task.step >= Step.MAIN:
        run.exit_code = 0  # else MAIN would not be complete
        return container
    run.interrupts.recall(run.first_seq)
    if container is not None:
        run.recorder.note("TASK_MISSED", event_type="MISSED_TASK_FOUND", fields={"container": container.id})
        run.installation.store.tasks.launched(task.id, container_id=container.id, agent_id=task.agent_id)
        _recall_deployed(run)
    elif task.container_id is not None:
        run.interrupts.raise_if_cancelled()
        raise PluginFailed(
            "the container vanished while no agent was watching; what it printed before is kept",
            reason=CONTAINER_LOST,
        )
    return container


def _recall_deployed(run: Run) -> None:
    """Take up that the model is deployed: the agent before this one may have kept the line, and have done no more."""
    task = run.task
    if task.type is not TaskType.DEPLOY:
        return
    run.key = key_in(run.folder)
    kept = run.installation.store.events.each(task.id, run.first_seq - 1, event_type=DEPLOYED_EVENT)
    if task.status is TaskStatus.DEPLOYED or any(event.stream is not Stream.AGENT for event in kept):
        run.deployed()


def look_for_container(run: Run) -> Container | None:
    """The task's container, for its end: running, ended, or about to be started. Raises EngineUnavailable.

    One that was created and not started is no less the task's: an engine may start it after it has said that it could
    not, or after its agent's death.
    """
    labels = _labels(run)
    found = run.engine.find(labels) or run.engine.find(labels, unstarted=True)
    return found[0] if found else None


def _labels(run: Run) -> Mapping[str, str]:
    """As launched: the settings they are made from may have changed since."""
    return (run.task.container_spec or {}).get("labels") or container_labels(run.task, run.installation.settings)


def _wait_for_container(run: Run) -> Container | None:
    deadline = time.monotonic() + ENGINE_PATIENCE_S
    while True:
        try:
            return _settled_container(run)
        except EngineUnavailable as away:
            if run.interrupts.shuts_down_within(1.0):
                raise Cancelled.left(run.task.id) from away  # also where tasks are to be stopped: nothing was seen
            if run.is_patient or time.monotonic() > deadline:  # an agent that is patient runs other tasks meanwhile
                raise


def _settled_container(run: Run) -> Container | None:
    """The task's container, also one that is only being started; one that does not start is removed.

    An engine may start it after its agent's death, and it would write into the folder that is then made anew. Raises
    EngineUnavailable, also for one that neither starts nor goes; Cancelled when this agent ends meanwhile.
    """
    deadline, labels = time.monotonic() + STARTING_S, _labels(run)
    while True:
        if found := run.engine.find(labels):
            return found[0]
        if not (unstarted := run.engine.find(labels, unstarted=True)):
            return None
        if (late_s := time.monotonic() - deadline) > REMOVAL_S:
            raise EngineUnavailable(f"the engine neither starts nor removes container {unstarted[0].id[:12]}")
        for leftover in unstarted if late_s > 0 else ():
            leftover.kill()
            leftover.remove()  # an engine that is just starting it may leave it: it is looked for again
        if run.interrupts.shuts_down_within(0.05):
            raise Cancelled.left(run.task.id)
