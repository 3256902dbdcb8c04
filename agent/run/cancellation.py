"""Why a run ends before its plugin does: one cancellation, with a cause. Pure.

`interrupts.py` finds out that a run is to be cancelled, `closing.py` does what the cause asks for.
"""

from __future__ import annotations

from enum import StrEnum

from agent.errors import AgentError, TakenOver


class Cause(StrEnum):
    """What ends a run early. Most causes are also the reason that is recorded (docs/reference/tasks.md)."""

    STOPPED_BY_USER = "stopped_by_user"
    TRIAL_PRUNED = "trial_pruned"  # its study sees nothing in going on with it
    AGENT_STOPPED = "agent_stopped"  # the agent ends, and was asked to stop its tasks first
    JOB_ENDED = "job_cancelled"  # the cluster ends the job in which the agent runs; its own reason is recorded
    TIME_LIMIT = "time_limit"
    IDLE_LIMIT = "idle_limit"
    IDLE = "idle"  # a deployed model that nobody has asked for so long
    DISK_FULL = "disk_full"  # nearly: there is still room to record the end
    RESULTS_LOST = "results_lost"  # what the plugin makes cannot be kept; the failure's own reason is recorded
    ALREADY_DECIDED = "already_decided"  # the agent before this one recorded the outcome, and died before it closed
    AGENT_LEFT = "agent_left"  # the agent ends: the container goes on, and the next agent goes on with it
    GIVEN_BACK = "given_back"  # this machine cannot start the task now: it is queued again
    POSTPONED = "postponed"  # its engine is away: this agent goes on with the task later
    TAKEN_OVER = "taken_over"  # another agent has the task now

    @property
    def leaves_the_task(self) -> bool:
        """Whether the task goes on without this agent, so that nothing of it may be touched or recorded."""
        return self in (Cause.AGENT_LEFT, Cause.TAKEN_OVER) or self.waits

    @property
    def waits(self) -> bool:
        """Whether the machine keeps the task from running, so that it is tried again."""
        return self in (Cause.GIVEN_BACK, Cause.POSTPONED)


AGENT_STOPPED = "the agent was stopped while the task ran"
PRUNED = "its trial was pruned: by its values so far it would not become one of the best of its study"
INTERRUPTED = 130  # exit code of a process that ends before its task does
# These reasons do not fail a task.
STOPS = frozenset(cause.value for cause in (Cause.STOPPED_BY_USER, Cause.TRIAL_PRUNED, Cause.AGENT_STOPPED, Cause.IDLE))


class Cancelled(AgentError):
    """The run is cancelled. `reason` and the sentence are recorded as the task's, unless the task is left."""

    exit_code = 4
    http_status = 409

    def __init__(self, cause: Cause, sentence: str, *, reason: str | None = None) -> None:
        super().__init__(sentence, reason=reason or cause.value)
        self.cause = cause
        if cause is Cause.AGENT_LEFT:
            self.exit_code = INTERRUPTED

    @classmethod
    def left(cls, task_id: int) -> Cancelled:
        return cls(Cause.AGENT_LEFT, f"task {task_id} goes on without this agent; the next agent goes on with it")

    @classmethod
    def requested(cls, stop_cause: str | None) -> Cancelled:
        """The cancellation for a stop that was requested in the store."""
        if stop_cause == Cause.TRIAL_PRUNED:
            return cls(Cause.TRIAL_PRUNED, PRUNED)
        return cls(Cause.STOPPED_BY_USER, "stopped by the user")

    @classmethod
    def recorded(cls, reason: str, sentence: str) -> Cancelled:
        """The cancellation that an agent recorded before it died."""
        cause = Cause(reason) if reason in set(Cause) else Cause.RESULTS_LOST
        return cls(cause, sentence, reason=reason)


def cancellation(error: BaseException | None) -> Cancelled | None:
    """The cancellation that an error stands for; None for any other end of a run."""
    match error:
        case Cancelled():
            return error
        case TakenOver():
            return Cancelled(Cause.TAKEN_OVER, str(error))
        case KeyboardInterrupt() | SystemExit():
            return Cancelled(Cause.AGENT_STOPPED, AGENT_STOPPED)
    return None
