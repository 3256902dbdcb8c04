"""The agent in a job of a cluster: it runs the task of one placement, and ends with the job.

A cluster ends a job with a signal and a moment to obey. The agent stops its plugin then, keeps what the plugin had
saved, and records why the cluster ends the job: nothing is left behind on a node to which no agent may come back.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from agent.clusters import How, Job, JobState
from agent.clusters.ending import LOST_REASONS, verdict_of
from agent.domain import NODE_LOST, Task, TaskOptions, TaskStatus
from agent.errors import AgentError, StorageFailed
from agent.patience import Patience
from agent.run.cancellation import Cancelled, Cause
from agent.run.loss import Loss
from agent.run.resume import CONTAINER_LOST
from agent.run.run_task import run_task
from agent.worker.conditions import STORAGE, pauses
from agent.worker.presence import alive

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.run.outcome import Outcome
    from agent.run.shutdown import Shutdown
    from agent.store import Store

log = logging.getLogger("agent")


@dataclass(frozen=True, slots=True)
class OwnJob:
    """The job in which this process runs, as its environment describes it."""

    id: str | None
    node: str
    restarts: int  # how often the cluster has started it once more
    cluster: str = "slurm"
    rebooted: bool = False  # its node was started anew meanwhile, and everything that ran is gone

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> OwnJob:
        if (pod := environment.get("SUPERVISELY_JOB")) is not None:  # `kubernetes_pod.py` gives these
            restarts = environment.get("SUPERVISELY_JOB_RESTARTS", "0")
            node = environment.get("SUPERVISELY_NODE") or os.uname().nodename
            rebooted = bool(environment.get("SUPERVISELY_NODE_REBOOTED"))
            return cls(pod, node, int(restarts) if restarts.isdigit() else 0, "kubernetes", rebooted)
        restarts = environment.get("SLURM_RESTART_COUNT", "0")
        node = environment.get("SLURMD_NODENAME") or os.uname().nodename
        return cls(environment.get("SLURM_JOB_ID"), node, int(restarts) if restarts.isdigit() else 0)


def run_placed(installation: Installation, task_id: int, number: int, job: OwnJob, shutdown: Shutdown) -> Task:
    """Run the task of this placement; gives it as it ended, or queued for another attempt, which another job runs.

    Raises Conflict when the placement is not this job's or is over, Cancelled with the cause GIVEN_BACK when this node
    cannot run the task now, and as `run_task`.
    """
    store, restarted = installation.store, job.restarts > 0
    # One that goes on with a plugin waits for a store that is away; one with nothing to lose gives its job back.
    wait = shutdown.wait if restarted else None
    with alive(installation, wait=wait, takes="one", task=task_id) as presence:
        wait_s = pauses()
        patience = Patience(shutdown.wait)

        def held_or_claimed() -> Task:  # the answer to an earlier claim may have been lost
            held = next((held for held in store.tasks.held_by(presence.id) if held.id == task_id), None)
            if held is None and job.cluster == "kubernetes" and restarted:
                _require_unused(store, task_id, number)
            return held or store.placements.claim(
                task_id, number, presence.id, job=job.id, node=job.node, home=presence.node, restarted=restarted
            )

        while True:
            task = patience.call(store, held_or_claimed)
            task = replace(task, options=_options_here(task.options, job))
            try:
                left = run_task(
                    task,
                    installation,
                    shutdown=shutdown,
                    is_patient=True,
                    loss_of=partial(loss_in_job, job),
                    job_restarted=restarted and job.cluster == "slurm",  # a pod's plugin lives on beside its agent
                )
                if left.status is not TaskStatus.QUEUED or shutdown.is_asked or job.cluster == "kubernetes":
                    return left  # of another attempt a pod knows nothing: its plugin's container runs once
                log.warning("task %s: attempt %s begins in this job", task_id, left.attempt)
                continue
            except Cancelled as cancelled:
                if cancelled.cause is not Cause.POSTPONED:
                    raise
                log.warning("task %s waits: %s", task_id, cancelled)
                presence.tell({STORAGE: str(cancelled)})
            except StorageFailed as error:  # its end could not be recorded: it goes on from where it was
                log.warning("task %s: %s", task_id, error)
                if shutdown.is_asked:
                    raise
            shutdown.wait(next(wait_s))


def _require_unused(store: Store, task_id: int, number: int) -> None:
    """A pod runs one attempt: one whose agent put the task into the queue again leaves it to the next pod."""
    mine = next((one for one in store.placements.of_task(task_id) if one.number == number), None)
    is_queued = store.tasks.get(task_id).status is TaskStatus.QUEUED
    if mine is not None and mine.claimed_at is not None and is_queued:
        raise Cancelled(Cause.GIVEN_BACK, f"task {task_id} is queued for another attempt, in another pod")


def _options_here(options: TaskOptions, job: OwnJob) -> TaskOptions:
    """The options of the task as they can be meant here: a job has the GPUs, and a pod the container, it was given."""
    if options.gpus != "none":  # numbers of devices mean nothing on another machine
        options = replace(options, gpus="auto")
    return replace(options, engine="auto") if job.cluster == "kubernetes" else options


def loss_in_job(job: OwnJob, outcome: Outcome) -> Loss | None:
    """Whether the end of a run in this job is the cluster's doing, so that another attempt may follow. Pure."""
    if outcome.reason in LOST_REASONS:
        return Loss(outcome.reason, outcome.message, job.node)
    if job.rebooted and outcome.reason in ("plugin_killed", CONTAINER_LOST):
        return Loss(NODE_LOST, f"node {job.node} was started anew while the task ran", job.node)
    if outcome.reason == CONTAINER_LOST and job.restarts > 0:
        said = f"the cluster has started job {job.id} again, now on {job.node}, and what ran before is gone"
        return Loss(outcome.reason, said, job.node)
    return None


def why_job_ends(job: OwnJob) -> Cancelled:
    """Why the cluster ends this job, asked of the cluster itself; it may not answer from a node."""
    how, why = None, ""
    if job.cluster == "kubernetes":  # the agent has no account there
        how, why = How.PREEMPTED, "it was deleted: for other pods, with its node, or by somebody"
    elif job.id is not None:
        from agent.clusters.slurm import how_it_ends  # late: most jobs end by themselves

        with suppress(AgentError):
            how = how_it_ends(job.id, job.restarts)
    if how is None:
        sentence = f"the cluster ended job {job.id} on {job.node} while the task ran; what was saved before is kept"
        return Cancelled(Cause.JOB_ENDED, sentence, reason=Cause.JOB_ENDED.value)
    verdict = verdict_of(Job(job.id or "", "", JobState.ENDED, why=why, node=job.node, how=how), job.cluster)
    return Cancelled(Cause.JOB_ENDED, verdict.sentence, reason=verdict.reason)
