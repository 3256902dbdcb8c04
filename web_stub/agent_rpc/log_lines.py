"""Lines of the original agent's log: whose they are, what is kept of them, and what they say of their task. Pure.

The agent logs the lines of the plugin's container and its own through one logger, as JSON objects (docs/contract/
events.md 6). The plugin's are kept as the plugin printed them, as far as the agent has left them: without the keys that
the agent puts into each line. A line of the plugin's text is the field `cont_msg` of an object without message. The
agent's own lines are kept as they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from agent.domain import Step, TaskStatus
from agent.events.lines import LINE_LIMIT, cut_mark
from agent.events.model import CheckpointReported, Event, Stream
from agent.events.parse import parse_line
from agent.formats.json_text import read_lenient
from agent.fs.names import brief, read_number

if TYPE_CHECKING:
    from agent.store import StoredEvent

_ADDED = ("service_type", "task_id")  # by the agent, to every line
_PLAIN_TYPES = ("EventType.LOGJ", "LOGJ")  # the agent's word for a line without a type
_SPAWNED = "Docker container is spawned"
_GONE = "Task container finished with status: "  # then the container is gone, and what follows is the agent's
_END = "TASK_END"
_LOGGED = "WAIT_FOR_TASK_LOG"  # the agent's last line of a task
_OWN = frozenset({"MODEL_SAVED", "NEW_MODEL_ID", "STEP_DONE", "TASK_REMOVED", "TASK_MISSED", _LOGGED})
TURNS = (_SPAWNED, _GONE, "STEP_DONE")  # lines of the agent's own after which others are read in another way
_ENDS = {
    "TASK_FINISHED": TaskStatus.FINISHED,
    "TASK_CRASHED": TaskStatus.ERROR,
    "TASK_STOPPED": TaskStatus.STOPPED,
}
_LOST = frozenset({"TASK_REMOVED", "MISSED_TASK_FOUND"})
MOST_BYTES = LINE_LIMIT  # of a line, as of a line that our own agent reads
_SAID = 1000  # characters of the agent's reason: it stands in lists
_EXIT_CODES = range(-(1 << 31), 1 << 31)
_CONTAINER = re.compile(r"[0-9a-f]{6,64}")
_STATUS_CODE = re.compile(r"Task container finished with non-zero status: .*?'StatusCode': ([0-9]{1,10})\b")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line about a task. `text` is the line as it came, `record` its object without what the agent added."""

    task_id: int
    text: str
    record: Mapping[str, Any]

    @property
    def message(self) -> str:
        return str(self.record.get("message", ""))

    @property
    def printed(self) -> str | None:
        """The text that the plugin printed; None for a line that is an object of its own."""
        text = self.record.get("cont_msg")
        if type(text) is not str or self.record.get("message"):
            return None
        return text.removesuffix("\n").removesuffix("\r")

    @property
    def content(self) -> str:
        """The line without what the agent has added: so a plugin's line is kept."""
        return _bounded(self.printed if self.printed is not None else orjson.dumps(self.record).decode())


def read_log_line(text: str) -> LogLine | None:
    """The line, if it is about a task; None for the agent's own affairs and for what is no JSON object."""
    try:
        record = read_lenient(text)
    except ValueError:
        return None
    if type(record) is not dict or "TASK" not in str(record.get("service_type")):
        return None
    task_id = _id(record.get("task_id"))
    if task_id is None:
        return None
    for key in _ADDED:
        record.pop(key, None)
    if record.get("event_type") in _PLAIN_TYPES:
        del record["event_type"]
    return LogLine(task_id, text, record)


# ---------------------------------------------------------------- what a line says


@dataclass(frozen=True, slots=True)
class Started:
    """The agent has begun the task."""


@dataclass(frozen=True, slots=True)
class Spawned:
    container_id: str


@dataclass(frozen=True, slots=True)
class StepDone:
    step: Step


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint, which the agent has copied and registered under a word of `models.hash.create`."""

    reported: CheckpointReported
    upload_hash: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """The model takes requests."""


@dataclass(frozen=True, slots=True)
class Result:
    """The project that an inference made."""

    project_id: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How the task ended, in words of docs/reference/tasks.md. It has ended when the agent says no more."""

    status: TaskStatus
    reason: str
    message: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The agent has no process or container of the task any more, or never had."""

    is_stop: bool
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing follows."""


Fact = Started | Spawned | StepDone | Saved | Deployed | Result | Ended | Gone | Closed


class Transcript:
    """Reads the lines of one task in order. While the container runs, a line is the plugin's unless it is known.

    An inference's result is uploaded while the plugin runs on: from the end of step MAIN to that of UPLOAD, lines are
    the agent's. A plugin that prints the words of the agent deceives its own task only.
    """

    def __init__(self) -> None:
        self._in_container = self._uploads = False

    def read(self, line: LogLine, time_us: int) -> tuple[Event, Fact | None]:
        """The event that is kept, and what it says."""
        is_known = line.message in _OWN or line.message.startswith(_GONE) or _is_end(line)
        is_own = line.printed is None and (not self._in_container or self._uploads or is_known)
        event = _own_event(line, time_us) if is_own else _plugin_event(line, time_us)
        if is_own:
            self.follow(line.message, str(line.record.get("step")))
        return event, fact_of(line, event)

    def follow(self, message: str, step: str) -> None:
        """Take note of a line of the agent's own: also of those before, by a transcript that goes on."""
        if message == _SPAWNED:
            self._in_container, self._uploads = True, False
        elif message.startswith(_GONE):
            self._in_container = False
        elif message == "STEP_DONE" and self._in_container:
            self._uploads = step == Step.MAIN.name


def is_repeated(kept: Sequence[Event | StoredEvent], lines: Sequence[LogLine]) -> bool:
    """Whether lines that have come are the last ones kept: the agent sends them again when it lost the answer.

    Lines of bare text carry no time, so the same words may have been printed twice: they count as new.
    """
    if len(kept) != len(lines) or all(line.printed is not None for line in lines):
        return False
    return all(_content(event) == line.content for event, line in zip(kept, lines, strict=True))


def _content(event: Event | StoredEvent) -> str:
    line = read_log_line(event.raw) if event.stream is Stream.AGENT else None
    return event.raw if line is None else line.content


def fact_of(line: LogLine, event: Event | StoredEvent) -> Fact | None:  # noqa: PLR0911  a table
    """What a line says, of the event that was kept of it."""
    record, kind = line.record, event.event_type
    if kind == "CHECKPOINT" and isinstance(event.body, CheckpointReported):
        word = record.get("model_hash")
        return Saved(event.body, word) if type(word) is str and word else None
    if event.stream is not Stream.AGENT:
        return Deployed() if kind == "TASK_DEPLOYED" else None
    if line.message == _LOGGED:
        return Closed()
    if line.message == _SPAWNED:
        container_id = record.get("container_id")
        return Spawned(container_id) if type(container_id) is str and _CONTAINER.fullmatch(container_id) else None
    if kind == "TASK_STARTED":
        return Started()
    if kind == "STEP_COMPLETE":
        name = str(record.get("step"))
        return StepDone(Step[name]) if name in Step.__members__ else None
    if kind == "PROJECT_CREATED":
        project_id = _id(record.get("project_id"))
        return Result(project_id) if project_id is not None else None
    if kind in _LOST or line.message == "TASK_MISSED":
        return Gone(kind == "TASK_STOPPED", _exit_code(record.get("exit_code")))
    return _end(record, _ENDS[kind]) if _is_end(line) and kind in _ENDS else None


def _end(record: Mapping[str, Any], status: TaskStatus) -> Ended:
    if status is TaskStatus.FINISHED:
        return Ended(status, "finished")
    if status is TaskStatus.STOPPED:
        return Ended(status, "stopped_by_user")
    said = brief(str(record.get("exc_str") or "the original agent does not say why"), _SAID)
    if found := _STATUS_CODE.search(said):
        code = _exit_code(found[1])
        return Ended(status, "plugin_exit", f"the plugin ended with exit code {code}; the log says more", code)
    reason = "no_checkpoint" if said == "No checkpoints produced during training" else "original_agent"
    return Ended(status, reason, f"the original agent ended the task: {said}")


def _is_end(line: LogLine) -> bool:
    return line.message == _END and str(line.record.get("event_type", "")).removeprefix("EventType.") in _ENDS


def _own_event(line: LogLine, time_us: int) -> Event:
    event = parse_line(line.text, Stream.AGENT, time_us)
    if (raw := _bounded(line.text)) != line.text:  # its beginning is kept; what it says counts all the same
        event = msgspec.structs.replace(event, raw=raw, message=brief(event.message, _SAID), fields=None)
    fields = {key: value for key, value in (event.fields or {}).items() if key not in _ADDED} or None
    event_type = None if event.event_type == "LOGJ" else event.event_type
    return msgspec.structs.replace(event, event_type=event_type, fields=fields)


def _plugin_event(line: LogLine, time_us: int) -> Event:
    return parse_line(line.content, Stream.STDERR if line.printed is None else Stream.STDOUT, time_us)


def _bounded(text: str) -> str:
    """The text, or its beginning with a mark that the rest is missing."""
    if len(text) <= MOST_BYTES // 4:  # nearly always: no character has more than four bytes
        return text
    data = text.encode(errors="replace")
    if len(data) <= MOST_BYTES:
        return text
    return data[:MOST_BYTES].decode(errors="ignore") + cut_mark(len(data) - MOST_BYTES)


def _exit_code(value: Any) -> int | None:
    """None for what no process ends with, and no database has a column for."""
    code = _id(value)
    return code if code is not None and code in _EXIT_CODES else None


def _id(value: Any) -> int | None:
    if type(value) is int:
        return value if 0 <= value < 1 << 63 else None
    return read_number(value) if type(value) is str else None
