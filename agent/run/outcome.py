"""How a task ended, and why: from the container's end, the checkpoints and the error to one named outcome. Pure.

Every reason is one word in the store, one row in docs/reference/tasks.md and one exit code (`errors.py`).
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.domain import NODE_LOST, Checkpoint, CheckpointState, ExitResult, Task, TaskStatus
from agent.errors import (
    AgentError,
    ArtifactsAway,
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
    StorageFailed,
    StoreAway,
    StoreBusy,
)
from agent.events.model import Level
from agent.fs.names import visible
from agent.run.cancellation import STOPS, Cancelled, cancellation
from agent.run.collect import Collected
from agent.run.hints import Facts, hint, missing_key

_EVENT = '"EventType.'  # a line of metrics or progress says nothing about the end
_ALARM = re.compile(r"error|assert|abort|fatal|fault|terminat|exception|killed|out of memory|corrupt|panic", re.I)
_ALARMS = 3  # lines that are quoted after a signal
_JSON_CHARS = 100_000  # a longer log line is quoted as it is
_WORDS = 300  # characters of a line that are quoted
_NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`exit_code` is the container's; None when it never ran or its end is unknown."""

    status: TaskStatus
    reason: str
    message: str
    exit_code: int | None = None


def outcome_of(error: BaseException | None, exit_code: int | None) -> Outcome:
    """The outcome of a run that raised this error, if any. An error that nobody expects is an `internal_error`."""
    error = cancellation(error) or error
    if error is None:
        reason, message = "finished", ""
    elif isinstance(error, AgentError):
        reason, message = error.reason, str(error)
    else:
        reason, message = "internal_error", f"a bug in the agent ended the task: {type(error).__name__}: {error}"
    return Outcome(status_of(reason), reason, message, exit_code)


def status_of(reason: str) -> TaskStatus:
    """The status of a task that ended for this reason."""
    return _STATUSES.get(reason, TaskStatus.ERROR)


@dataclass(frozen=True, slots=True)
class ClosingEvent:
    """The last event of a task's log, whose message is `TASK_END` (contract: events.md 5)."""

    event_type: str
    level: Level
    fields: dict[str, Any]


def closing_event(status: TaskStatus, reason: str, message: str) -> ClosingEvent:
    """The closing event of a task that ended so, whoever records it."""
    match status:
        case TaskStatus.FINISHED:
            return ClosingEvent("TASK_FINISHED", Level.INFO, {"reason": reason})
        case TaskStatus.STOPPED:
            return ClosingEvent("TASK_STOPPED", Level.INFO, {"reason": reason, "stopped": "by_user"})
        case _:
            return ClosingEvent("TASK_CRASHED", Level.FATAL, {"reason": reason, "exc_str": message})


_STATUSES = {"finished": TaskStatus.FINISHED, **dict.fromkeys(STOPS, TaskStatus.STOPPED)}


def plugin_failure(
    result: ExitResult, collected: Collected, *, entry: str, facts: Facts = _NO_FACTS
) -> PluginFailed | None:
    """Why the plugin failed, from its container's end; None when it did not. The exit code alone decides.

    A crash event followed by exit code 0 is a success, as in the original (contract: task.md 5). The sentence has the
    plugin's own words, and a hint where one is known.
    """
    if result.exit_code == 0:
        return None
    reported = _reported(collected)
    words = reported or _last_words(collected, 1)
    if result.out_of_memory:
        return PluginFailed(
            f"the container ran out of memory and was killed{_quoted(words)}; "
            "give it more memory or use smaller batches",
            reason="out_of_memory",
        )
    if (failure := _start_failure(result, collected, entry, words)) is not None:
        return failure
    if result.signal is not None:
        # The lines before an abort say why; the last of them alone often says where.
        words = _sentences(result.error, reported or _last_words(collected, _ALARMS))
        how = f"the plugin was killed by signal {result.signal}{_signal_name(result.signal)}"
        return PluginFailed(f"{how}{_quoted(words)}{hint(words, facts)}", reason="plugin_killed")
    if (key := missing_key(words)) is not None:
        words = f"KeyError: {key!r}"
    how, words = f"the plugin ended with exit code {result.exit_code}", _sentences(result.error, words)
    return PluginFailed(f"{how}{_quoted(words)}{hint(words, facts)}", reason="plugin_exit")


def _sentences(*parts: str) -> str:
    return ". ".join(part for part in parts if part)


def _start_failure(result: ExitResult, collected: Collected, entry: str, words: str) -> PluginFailed | None:
    """Why not a line of the plugin's code ran; None if one did."""
    foreign = [line for line in collected.last_lines if "exec format error" in line.lower()]
    if foreign and collected.lines == len(foreign):
        return PluginFailed(
            f"the image cannot run here: {foreign[0].strip()}{hint(foreign[0], _NO_FACTS)}", reason="wrong_platform"
        )
    unopened = [line for line in collected.last_lines if "can't open file" in line and entry in line]
    if result.exit_code == 2 and unopened:
        sentence = f"the image has no {entry}; build it with src/{entry.rpartition('/')[2]}"
        if "Permission denied" in unopened[0]:
            sentence = (
                f"the USER of the image may not read {entry}; remove USER from the Dockerfile, "
                "because the platform runs plugins as root"
            )
        return PluginFailed(sentence, reason="entry_missing")
    if result.exit_code == 127:
        return PluginFailed(
            f"the image lacks a program the start needs (exit code 127){_quoted(words)}; "
            "`sh` and `python` must be on its PATH",
            reason="entry_missing",
        )
    return None


def _quoted(words: str) -> str:
    return f": {words}" if words else ""


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""


def _reported(collected: Collected) -> str:
    """What the plugin reported to its user, else the crash that it logged; empty if it did neither."""
    report = ". ".join(part for part in (collected.error_title, collected.error_message) if part)
    return report or ("" if collected.crash is None else collected.crash.error)


def _last_words(collected: Collected, count: int) -> str:
    """Its last lines, of stderr first: the last `count` of those that sound like an error, else the very last."""
    for lines in (collected.last_errors, collected.last_lines):
        texts = [text for text in map(_text, lines) if text]
        if texts:
            alarming = [text for text in texts if _ALARM.search(text)][-count:]
            return "; ".join(alarming) if count > 1 and alarming else texts[-1]
    return ""


def _text(line: str) -> str:
    """What a line says: the message of a log line in JSON, nothing for an event, the last state of a progress bar."""
    if _EVENT in line:
        return ""
    text = line.rstrip().rpartition("\r")[2].strip()
    if text.startswith("{"):
        with suppress(ValueError):
            record = json.loads(text[:_JSON_CHARS])
            text = str(record.get("message", text)).strip()
    return visible(text)[:_WORDS]  # a sentence has no colours


def training_failure(checkpoints: Sequence[Checkpoint], first_seq: int = 1) -> PluginFailed | None:
    """Why a training that ended well failed all the same: without a checkpoint, or when one was not kept.

    `checkpoints` are the task's, of all attempts. What an attempt before this one, whose first event is `first_seq`,
    could not keep is no fault of this one: it began from what was kept.
    """
    if not checkpoints:
        return PluginFailed(
            "the plugin ended well but reported no checkpoint, so there is no model; "
            "is val_every above epochs, or are there fewer training images than a batch?",
            reason="no_checkpoint",
        )
    its = [checkpoint for checkpoint in checkpoints if checkpoint.seq >= first_seq]
    failed = [
        checkpoint
        for checkpoint in its
        if checkpoint.state is CheckpointState.FAILED and checkpoint.reason != NODE_LOST
    ]
    if failed:
        why = "there was no space for them; the log names the folders with their files"
        if any(checkpoint.reason != DiskFull.reason for checkpoint in failed):
            why = "the log says why for each"
        return PluginFailed(
            f"{len(failed)} of {len(its)} checkpoints could not be kept; {why}",
            reason=failed[0].reason or "checkpoint_invalid",
        )
    return None


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
        StoreAway,
        ArtifactsAway,
        DiskFull,
    )
} | {
    "mode_missing": BadInput.exit_code,
    **dict.fromkeys(("job_failed", "job_cancelled", "job_preempted", "node_lost"), CouldNotStart.exit_code),
}


def exit_code(task: Task) -> int:
    """The command line's exit code for a task that has ended. Every reason that is not the agent's is the plugin's."""
    match task.status:
        case TaskStatus.FINISHED:
            return 0
        case TaskStatus.STOPPED:
            return Cancelled.exit_code
        case _:
            return _EXIT_CODES.get(task.reason or "", PluginFailed.exit_code)
