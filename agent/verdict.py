"""How a task ended, and why: from a container's end and what was raised to one named end. Pure.

Every reason is one word in the store, one row in docs/reference/tasks.md and one exit code (`errors.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.collect import Collected
from agent.domain import ExitResult, Task, TaskStatus
from agent.errors import (
    AgentError,
    BadInput,
    BuildFailed,
    Conflict,
    CouldNotStart,
    DiskFull,
    EngineUnavailable,
    ImageNotFound,
    Invalid,
    NotFound,
    PluginFailed,
    Stopped,
    StorageFailed,
    StoreBusy,
)
from agent.stops import STOPS

_REPORT = '"EventType.'  # a line of metrics or progress says nothing about an end


@dataclass(frozen=True, slots=True)
class End:
    status: TaskStatus
    reason: str
    message: str
    exit_code: int | None = None

    @classmethod
    def decided(cls, task: Task) -> End:
        """The end that was recorded in a task before it was final."""
        reason = task.reason or ""
        status = TaskStatus.STOPPED if reason in STOPS else TaskStatus.ERROR
        return cls(TaskStatus.FINISHED if reason == "finished" else status, reason, task.message or "", task.exit_code)


class Decided(AgentError):
    """The end was decided and recorded before a crash: what remains is to tidy up and close."""

    def __init__(self, end: End) -> None:
        super().__init__(end.message)
        self.end = end


def verdict(result: ExitResult, collected: Collected, *, entry: str) -> AgentError | None:
    """What a container's end says about the plugin: None, or why it failed. The exit code alone decides.

    A crash event followed by exit code 0 is a success, as in the original (contract: task.md 5).
    """
    if result.exit_code == 0:
        return None
    last = _last_words(collected)
    if result.out_of_memory:
        return PluginFailed(
            f"the container ran out of memory and was killed{last}; give it more memory or use smaller batches",
            reason="out_of_memory",
        )
    if result.exit_code == 2 and any("can't open file" in line and entry in line for line in collected.last_lines):
        return PluginFailed(
            f"the image has no {entry}; build it with src/{entry.rpartition('/')[2]}", reason="entry_missing"
        )
    if result.exit_code == 127:
        return PluginFailed(
            f"the image lacks a program the start needs (exit code 127){last}; `sh` and `python` must be on its PATH",
            reason="entry_missing",
        )
    if result.signal is not None:
        # What the engine says of it is no doing of the plugin's, and tells more than its last line.
        how = f": {result.error}" if result.error else last
        return PluginFailed(f"the plugin was killed by signal {result.signal}{how}", reason="plugin_killed")
    return PluginFailed(f"the plugin ended with exit code {result.exit_code}{last}", reason="plugin_exit")


def _last_words(collected: Collected) -> str:
    """What the plugin said of its end: what it reported, the crash it logged, or its last line, of stderr first."""
    if report := ". ".join(said for said in (collected.error_title, collected.error_message) if said):
        return f": {report}"
    if collected.crash is not None:
        return f": {collected.crash.error}"
    for lines in (collected.last_errors, collected.last_lines):
        if said := [line for line in lines if _REPORT not in line]:
            return f": {said[-1].strip()[:300]}"
    return ""


def end_of(error: BaseException | None, exit_code: int | None) -> End:
    """The end to record for what was raised, if anything was. A bug is an `internal_error`, said as one."""
    match error:
        case None:
            return End(TaskStatus.FINISHED, "finished", "", exit_code)
        case Stopped():
            return End(TaskStatus.STOPPED, error.reason, str(error), exit_code)
        case AgentError():
            return End(TaskStatus.ERROR, error.reason, str(error), exit_code)
        case KeyboardInterrupt() | SystemExit():
            return End(TaskStatus.STOPPED, "agent_stopped", "the agent was stopped while the task ran", exit_code)
        case _:
            said = f"{type(error).__name__}: {error}"
            return End(TaskStatus.ERROR, "internal_error", f"a bug in the agent ended the task: {said}", exit_code)


_EXIT_CODES = {
    kind.reason: kind.exit_code
    for kind in (
        AgentError,
        BadInput,
        Invalid,
        NotFound,
        Conflict,
        CouldNotStart,
        EngineUnavailable,
        ImageNotFound,
        BuildFailed,
        StorageFailed,
        StoreBusy,
        DiskFull,
    )
} | {"mode_missing": BadInput.exit_code}


def exit_code(task: Task) -> int:
    """The command line's exit code for a task that has ended; whatever is not ours is the plugin's."""
    match task.status:
        case TaskStatus.FINISHED:
            return 0
        case TaskStatus.STOPPED:
            return Stopped.exit_code
        case _:
            return _EXIT_CODES.get(task.reason or "", PluginFailed.exit_code)
