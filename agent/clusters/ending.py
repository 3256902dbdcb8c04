"""The end of a task whose job has ended and whose agent did not record one: the reason, the sentence, the record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from agent.clusters import How, Job
from agent.domain import CheckpointState, Task, TaskStatus
from agent.events.model import Stream
from agent.formats.task_dir import TaskDir
from agent.recorder import Recorder
from agent.run.loss import Loss, fate_of
from agent.run.outcome import closing_event, status_of
from agent.run.telling import tell_end

if TYPE_CHECKING:
    from agent.installation import Installation
    from agent.store import Placement

_LOG_LINES = 5  # of the agent's log that are quoted
_VERDICTS = {
    How.OUT_OF_MEMORY: (
        "out_of_memory",
        (
            "{who} used more memory than it had asked for and was ended; give the task more with --memory, "
            "or the jobs with AGENT_{CLUSTER}_MEMORY"
        ),
    ),
    How.TIME_LIMIT: (
        "time_limit",
        (
            "{who} reached its time limit; what was saved before is kept. "
            "Give the task more with --time-limit, or the jobs {more_time}"
        ),
    ),
    How.PREEMPTED: ("job_preempted", "{who} had to make room for other jobs, or somebody requeued it"),
    How.NO_IMAGE: ("image_not_found", "{who} could not begin"),
    How.GIVEN_BACK: ("job_failed", "{who} could not run the task"),
    How.NODE_FAILED: ("node_lost", "the node of {who} failed"),
    How.CANCELLED: ("job_cancelled", "{who} was cancelled on the cluster, not by `agent task stop`"),
    How.VANISHED: ("node_lost", "the cluster does not know {who} any more, and its agent is silent"),
}
LOST = frozenset({How.NODE_FAILED, How.PREEMPTED, How.VANISHED})  # through no fault of the task: it may begin anew
LOST_REASONS = frozenset(_VERDICTS[how][0] for how in LOST)


@dataclass(frozen=True, slots=True)
class Verdict:
    reason: str  # one word of docs/reference/tasks.md
    sentence: str

    def with_log(self, said: str) -> Verdict:
        """With the last lines of the agent's log."""
        lines = [line for line in said.splitlines() if line.strip()][-_LOG_LINES:]
        return replace(self, sentence=f"{self.sentence}: {' / '.join(lines)}") if lines else self


def verdict_of(job: Job, cluster: str) -> Verdict:
    """How a job ended, as the reason and the sentence for its task. Pure."""
    who = f"{cluster} job {job.id}" + (f" on {job.node}" if job.node else "")
    if job.how in _VERDICTS:
        reason, words = _VERDICTS[job.how]
        if job.how is How.PREEMPTED and job.why:  # the cluster knows more
            words = "{who} was taken away"
        more_time = "by AGENT_KUBERNETES_TEMPLATE" if cluster == "kubernetes" else f"with AGENT_{cluster.upper()}_TIME"
        sentence = words.format(who=who, CLUSTER=cluster.upper(), more_time=more_time)
        return Verdict(reason, f"{sentence}: {job.why}" if job.why else sentence)
    code = f" with exit code {job.exit_code}" if job.exit_code is not None else ""
    why = f": {job.why}" if job.why else ""
    return Verdict("job_failed", f"{who} ended{code}, and its agent has not recorded an end of the task{why}")


def end_task(installation: Installation, task: Task, verdict: Verdict, *, has_begun: bool) -> Task:
    """Record the end of a task that this process has taken; gives it as it ended. Begun anew, it goes on.

    An end that an agent had decided, or a stop that was requested, comes before the verdict. Checkpoints that were not
    stored are lost with the node.
    """
    store, agent_id = installation.store, task.agent_id
    reason, message, exit_code = verdict.reason, verdict.sentence, task.exit_code
    if task.reason is not None:
        reason, message = task.reason, task.message or ""
    elif task.stop_requested:
        reason, message = store.tasks.stop_cause(task.id) or "stopped_by_user", f"stopped; {verdict.sentence}"
    status = status_of(reason)
    for checkpoint in store.checkpoints.list(task.id):
        if checkpoint.state is CheckpointState.SNAPSHOT:
            store.checkpoints.fail(checkpoint.id, "its node was lost before it was stored")
    store.tasks.decide(task.id, reason=reason, message=message or None, exit_code=exit_code, agent_id=agent_id)
    if has_begun or store.events.last_seq(task.id):
        _close_log(installation, task, status, reason, message)
    ended = store.tasks.become(
        task.id, status, reason=reason, message=message or None, exit_code=exit_code, agent_id=agent_id
    )
    tell_end(installation, ended)
    return ended


def lose_task(
    installation: Installation, task: Task, placement: Placement, controller: str, verdict: Verdict
) -> Task | None:
    """Take a task from its agent, which was lost with its job: it ends, or is queued for another attempt.

    None where that is no longer to be done.
    """
    loss = Loss(verdict.reason, verdict.sentence, placement.node)
    decide = partial(fate_of, loss=loss)
    changed = installation.store.placements.lose(placement, controller, task.agent_id, decide)
    if changed is not None and changed.status.is_final:
        tell_end(installation, changed)
    return changed


def _close_log(installation: Installation, task: Task, status: TaskStatus, reason: str, message: str) -> None:
    """The last event of its log, unless an agent has written it."""
    store = installation.store
    last = closing_event(status, reason, message)
    if any(event.stream is Stream.AGENT for event in store.events.each(task.id, event_type=last.event_type)):
        return
    recorder = Recorder(
        store,
        task.id,
        lines_read=task.lines_read,
        last_seq=store.events.last_seq(task.id),
        log_path=TaskDir(installation.settings.tasks / str(task.id)).log_path(datetime.now().astimezone()),
        agent_id=task.agent_id,
    )
    recorder.note("TASK_END", last.level, last.event_type, last.fields)
