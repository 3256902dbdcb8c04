"""The controller of a cluster: queued tasks become jobs, and tasks whose job has ended get their end.

It may be killed at any moment. A placement is written before its job is submitted; a placement whose job nobody knows
is submitted under its label again, and the store lets the agent of only one job have the task. No answer of a cluster
is no answer about a task; a job that the cluster calls ended is one.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from agent import liveness
from agent.clusters import BEGINS_ANEW, Cluster, ClusterUnavailable, How, Job, JobState
from agent.clusters.ending import LOST, Verdict, end_task, lose_task, verdict_of
from agent.clusters.memory import Memories, Memory
from agent.clusters.placing import Placer
from agent.domain import Task, TaskStatus
from agent.errors import NotFound
from agent.logs import about_task
from agent.run.interrupts import STOP_PATIENCE_S
from agent.store import Placement, Seen

if TYPE_CHECKING:
    from agent.installation import Installation

AGAIN = LOST | {How.GIVEN_BACK}  # not the task's fault
MOST_PLACEMENTS = 5  # whose agents never began, without those that a node gave back
END_S = 60.0  # for an agent to end after its task

log = logging.getLogger("agent")


class Controller:
    """Use it inside `controlling`, from one thread. Raises ClusterUnavailable, StorageFailed, Conflict."""

    def __init__(
        self,
        installation: Installation,
        cluster: Cluster,
        controller: str,
        agent_id: str,
        *,
        unknown_s: float | None = None,
    ) -> None:
        self._installation = installation
        self._placements = installation.store.placements
        self._cluster = cluster
        self._controller = controller
        self._agent_id = agent_id
        self._unknown_s = cluster.unknown_s if unknown_s is None else unknown_s
        self._memories = Memories()
        self._has_room = True  # a job has ended since the queue was looked at
        self._has_ended = True  # a job, since the cluster was tidied; perhaps under another controller
        store = hashlib.sha256(installation.store.name.encode()).hexdigest()[:8]
        self._label = f"sly-{store}"  # two installations may share a cluster and both have a task 1
        self._again: list[tuple[Placement, Task]] = []  # whose job is to be submitted once more
        self._news: list[tuple[Memory, Seen]] = []  # what is to be recorded of jobs that have not ended
        self._placer = Placer(installation, cluster, controller, self._label, self._memories)

    def place(self) -> bool:
        """Submit jobs for queued tasks, as many as may wait or run at the same time; whether more are to be placed."""
        self._has_room = False
        return self._placer.place()

    @property
    def may_place(self) -> bool:
        """Whether the queue is to be looked at although nobody has asked for it."""
        return self._has_room or self._placer.has_left_out or self._memories.has_tasks

    # ---------------------------------------------------------------- jobs → what becomes of their tasks

    def follow(self) -> None:
        """Look at every job, and do what its state asks for."""
        unsettled = self._placements.unsettled(self._cluster.name)
        self._memories.keep_only({(placement.task_id, placement.number) for placement, _ in unsettled})
        if not unsettled:
            self._cluster.tidy(self._label, ())
            return
        jobs = self._cluster.find([placement.label for placement, _ in unsettled])
        alive = {agent.id for agent in liveness.agents_alive(self._installation.store)} - {self._agent_id}
        self._again, self._news = [], []
        for placement, task in unsettled:
            with about_task(task.id), suppress(NotFound):  # the task was deleted for good in this moment
                try:
                    self._settle(placement, task, jobs, has_agent=task.agent_id in alive)
                except ClusterUnavailable as error:  # of one job: the others are not to wait
                    self._say_once(placement, str(error))
        self._record_news()
        for placement, silent in self._placer.submit(self._again):
            self._say_once(placement, str(silent))
        if self._has_ended:
            # Asked of the store again: an agent may have claimed a task whose job was thought to be over.
            left = self._placements.unsettled(self._cluster.name)
            self._cluster.tidy(self._label, [placement.label for placement, _ in left])
            self._has_ended = False

    def _settle(self, placement: Placement, task: Task, jobs: Mapping[str, Sequence[Job]], *, has_agent: bool) -> None:
        memory = self._memories.of(placement)
        if placement.is_given_up:
            self._give_up(placement, memory, jobs.get(placement.label, ()))
            return
        job = self._its_job(placement, jobs.get(placement.label, ()))
        if job is None:
            self._settle_unknown(placement, task, memory, has_agent=has_agent)
            return
        memory.unknown_since = None
        if job.state is JobState.ENDED:
            self._settle_ended(placement, task, job, has_agent=has_agent)
            return
        if self._is_to_be_cancelled(task, job, memory, has_agent=has_agent):
            self._cluster.cancel(job.id)
        where = f"number {job.position} in the queue" if job.position is not None else ""
        why = "; ".join(part for part in (job.why, where) if part) or None
        seen = Seen(placement, job.state.value, job.id, why, job.node or None, job.started_at)
        if _told(seen) != memory.told:  # the store is written to when something is new
            self._news.append((memory, seen))

    def _record_news(self) -> None:
        """One transaction for all jobs of which there is something new."""
        self._placements.follow(self._cluster.name, self._controller, [seen for _, seen in self._news])
        for memory, seen in self._news:
            memory.told = _told(seen)

    def _say_once(self, placement: Placement, said: str) -> None:
        memory = self._memories.of(placement)
        memory.pause()
        if said != memory.said:
            memory.said = said
            log.warning("task %s: %s", placement.task_id, said)

    def _give_up(self, placement: Placement, memory: Memory, jobs: Sequence[Job]) -> None:
        """Its task was started anew, because its node was declared lost: no job of it is to run on."""
        live = [job for job in jobs if job.state is not JobState.ENDED]
        for job in live:
            self._cluster.cancel(job.id)
        memory.unknown_since = memory.unknown_since or time.monotonic()
        if not live and (jobs or time.monotonic() - memory.unknown_since >= self._unknown_s):
            self._end(placement, How.CANCELLED, "its task was started anew")

    def _its_job(self, placement: Placement, jobs: Sequence[Job]) -> Job | None:
        """The placement's job. Another with its label is ended: one `sbatch` may have been heard twice."""
        chosen = next((job for job in jobs if job.id == placement.job), None)
        if chosen is None:
            chosen = next((job for job in jobs if job.state is not JobState.ENDED), jobs[0] if jobs else None)
        for job in jobs:
            if job is not chosen and job.state is not JobState.ENDED:
                self._cluster.cancel(job.id)
        return chosen

    def _settle_unknown(self, placement: Placement, task: Task, memory: Memory, *, has_agent: bool) -> None:
        """The cluster answers, and does not know the job."""
        now = time.monotonic()
        memory.unknown_since = memory.unknown_since or now
        is_absent = now - memory.unknown_since >= self._unknown_s
        was_heard = placement.why is not None or memory.is_unsent  # and refused, or never asked: no job can come up
        if task.status.is_final:
            self._end(placement, How.CANCELLED, "")
        elif placement.job is None:
            if (was_heard or is_absent) and memory.is_due():
                self._again.append((placement, task))
        elif not is_absent:
            return
        elif not has_agent:
            gone = Job(placement.job, placement.label, JobState.ENDED, node=placement.node or "", how=How.VANISHED)
            self._settle_ended(placement, task, gone, has_agent=False)

    def _is_to_be_cancelled(self, task: Task, job: Job, memory: Memory, *, has_agent: bool) -> bool:
        """Whether its task has ended, or is to be stopped and no agent does it."""
        if not (task.status.is_final or task.stop_requested):
            return False
        if job.state is JobState.WAITING:
            return True
        memory.ending_since = memory.ending_since or time.monotonic()
        patience_s = END_S if task.status.is_final else END_S + STOP_PATIENCE_S + task.options.stop_grace_s
        return (task.stop_requested and not has_agent and not task.status.is_final) or (
            time.monotonic() - memory.ending_since > patience_s
        )

    def _settle_ended(self, placement: Placement, task: Task, job: Job, *, has_agent: bool) -> None:
        assert job.how is not None
        verdict = verdict_of(job, self._cluster.name)
        if task.status.is_final:
            self._end(placement, job.how, verdict.sentence if job.how not in (How.DONE, How.FAILED) else "", job)
        elif task.status is TaskStatus.QUEUED and self._is_placed_again(placement, job.how):
            if job.exit_code == BEGINS_ANEW:
                verdict = replace(verdict, sentence=f"{self._cluster.name} job {job.id}: its task begins anew")
            elif job.how is How.GIVEN_BACK:
                verdict = verdict.with_log(self._cluster.log(placement.label, job.id))
            log.warning("task %s is placed again: %s", task.id, verdict.sentence)
            self._memories.rest(task.id)
            self._end(placement, job.how, verdict.sentence, job)
        elif not has_agent:
            self._end_task(placement, task, job, verdict)

    def _is_placed_again(self, placement: Placement, how: How) -> bool:
        if how is How.GIVEN_BACK or (placement.claimed_at is not None and how is not How.CANCELLED):
            return True  # its agent put the task into the queue, whatever became of the job then
        history = self._placements.of_task(placement.task_id)
        never_began = sum(one.claimed_at is None and one.how != How.GIVEN_BACK for one in history)
        return how in AGAIN and never_began < MOST_PLACEMENTS

    def _end_task(self, placement: Placement, task: Task, job: Job, verdict: Verdict) -> None:
        """Record the end of a task that no agent runs any more, or queue it for another attempt."""
        assert job.how is not None
        if job.how in AGAIN and placement.claimed_at is not None:  # it had begun, and could not go on there
            changed = lose_task(self._installation, task, placement, self._controller, verdict)
        else:
            changed = self._taken_to_its_end(placement, task, job, verdict)
        if changed is not None:
            log.warning("task %s: %s (%s)", task.id, changed.status.value, changed.message or verdict.sentence)
        self._end(placement, job.how, verdict.sentence, job)

    def _taken_to_its_end(self, placement: Placement, task: Task, job: Job, verdict: Verdict) -> Task | None:
        has_begun = placement.claimed_at is not None
        tells = not has_begun or job.how is How.FAILED  # else the cluster has told why
        said = self._cluster.log(placement.label, job.id) if tells else ""
        taken = self._placements.take(placement, self._controller, self._agent_id, instead_of=task.agent_id)
        if taken is None:
            return None
        return end_task(self._installation, taken, verdict.with_log(said), has_begun=has_begun)

    def _end(self, placement: Placement, how: How, why: str, job: Job | None = None) -> None:
        ended_at = job.ended_at if job is not None else None
        self._placements.end(placement, self._controller, how=how.value, why=why or None, ended_at=ended_at)
        self._has_ended = self._has_room = True


def _told(seen: Seen) -> tuple[object, ...]:
    return seen.state, seen.job, seen.why, seen.node, seen.started_at
