"""The life of one task, top to bottom: DOWNLOAD → MAIN → UPLOAD, and one end, recorded last.

The output is read to its end before the container is waited for, else the last lines could be lost. Uploads
finish before the closing event, because the user who sees it may start the next task from the result at once.
The verbs are in `run.py`, the recording of the end in `closing.py`; the task's `reason` says why it ended
(docs/reference/tasks.md).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from agent.domain import Step, Task
from agent.errors import AgentError, ArtifactsAway, StoreBusy
from agent.installation import Installation
from agent.logs import about_task
from agent.run.cancellation import Cancelled
from agent.run.collect import collect
from agent.run.loss import Loss
from agent.run.outcome import Outcome
from agent.run.run import Run
from agent.run.shutdown import Shutdown
from agent.run.stage import Progress, stage
from agent.run.telling import telling


def run_task(
    task: Task,
    installation: Installation,
    *,
    shutdown: Shutdown | None = None,
    is_patient: bool = False,
    loss_of: Callable[[Outcome], Loss | None] | None = None,
    job_restarted: bool = False,
) -> Task:
    """Run a task this agent has claimed, or go on with a task that a dead agent left; gives it as it ended.

    `shutdown`, asked for by another thread, leaves the task or ends it as `stopped` with reason `agent_stopped`. No
    expected failure of the task raises: how it ended is in its status, reason and message. Raises TakenOver when
    another agent has the task now, Cancelled when this agent left it, and StorageFailed when the end could not be
    recorded. The task has not ended then, and running it again goes on from here. With `is_patient`, a task that this
    machine cannot run now does not end: Cancelled says whether it is queued again or still this agent's. `loss_of` says
    of an end whether it was the cluster's doing: then the task is queued for another attempt, if it has one left.

    A store that does not answer is waited for. If `shutdown` is asked for meanwhile, the task is left, also where it
    was to be stopped: its end cannot be recorded.
    """
    shutdown = shutdown or Shutdown()
    with about_task(task.id):
        try:
            run = Run(task, installation, shutdown, is_patient=is_patient, loss_of=loss_of, job_restarted=job_restarted)
            _live(run)
            with suppress(AgentError):  # it saves space, and an agent's housekeeping does it as well
                installation.store.metrics.pack(task.id)
            return run.installation.store.tasks.get(task.id)
        except (StoreBusy, ArtifactsAway) as away:
            if not shutdown.is_asked:
                raise
            raise Cancelled.left(task.id) from away


def _live(run: Run) -> None:
    task, installation = run.task, run.installation
    with run:  # records the end, always
        run.begin()
        container = run.find_container()
        if container is None and task.step < Step.MAIN:
            with run.step(Step.DOWNLOAD):
                image = run.pull_image()
                config, program = run.serving()
                staged = stage(
                    task,
                    run.project,
                    run.model,
                    store=installation.store,
                    artifacts=installation.artifacts,
                    task_dir=run.folder,
                    shared_ok=run.engine_info.can_mount_over,
                    config=config,
                    program=program,
                    keep_going=run.interrupts.look,
                    progress=partial(Progress(run.recorder, "Staging images").tell, total=run.images_count),
                )
            container = run.start(staged, image)
        if container is not None and task.step < Step.MAIN:
            with (
                run.step(Step.MAIN),
                run.interrupts.watching(container, lambda: run.uploader.failure),
                run.measuring(container),
                telling(run),
            ):
                collected = collect(
                    run.interrupts.output(container),
                    run.recorder,
                    on_checkpoint=run.uploader.checkpoint,
                    on_applied=run.uploader.applied,
                    on_image=run.images.take,
                    on_deployed=run.deployed,
                    hide=run.key,
                )
                run.require_success(container.wait(), collected)
        with run.step(Step.UPLOAD):
            run.finish_uploads()
            run.publish()
