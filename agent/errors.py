"""Expected failures. Anything else that is raised is a bug and keeps its traceback.

    AgentError                  exit  http  for whom
    ├── BadInput                 2    400   who submitted it
    │   ├── Invalid              2    400   ... with every problem found, place and remedy
    │   ├── NotFound             2    404
    │   └── Conflict             2    409   the state of things does not allow it (yet)
    │       └── TakenOver        2    409   another agent has the task now
    ├── CouldNotStart            3    409   who runs the machine
    │   ├── EngineUnavailable    3    503
    │   ├── ImageNotFound        3    404
    │   ├── BuildFailed          3    409
    │   └── PushFailed           3    409
    ├── PluginFailed             1    409   the plugin's author
    ├── Cancelled                4    409   who stopped the task (run/cancellation.py)
    └── StorageFailed            5    503   who runs the machine
        ├── StoreBusy            5    503   another process holds the database: try again
        │   └── StoreAway        5    503   the database server cannot be reached now: try again
        ├── ArtifactsAway        5    503   the place of the artifacts cannot be reached now: try again
        └── DiskFull             5    507

The sentence in `str(error)` is complete: what is wrong, where, what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input.

    `file` is relative to the checked folder or archive; `place` is a key path (`objects[3].points`),
    `line 4 column 7`, or empty; `sentence` says what is wrong; `remedy` says what to do.
    """

    file: str
    place: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return " ".join(part for part in (f"{where}:" if where else "", self.sentence, self.remedy) if part)


class AgentError(Exception):
    """The root. `reason` is the machine-readable name kept as the task's end reason."""

    exit_code = 70
    http_status = 500
    reason = "internal_error"

    def __init__(self, sentence: str, *, reason: str | None = None) -> None:
        super().__init__(sentence)
        if reason is not None:
            self.reason = reason


class BadInput(AgentError):
    """What was asked for cannot be done as asked."""

    exit_code = 2
    http_status = 400
    reason = "bad_input"


class Invalid(BadInput):
    """An input was checked and every problem found is listed in `problems`."""

    reason = "invalid"

    def __init__(self, what: str, problems: Sequence[Problem], *, reason: str | None = None) -> None:
        self.what = what
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problems" if len(self.problems) > 1 else "1 problem"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{what} has {count}:{lines}", reason=reason)


class NotFound(BadInput):
    """Nothing by that id, name or path."""

    http_status = 404
    reason = "not_found"


class Conflict(BadInput):
    """The thing exists but its state does not allow this."""

    http_status = 409
    reason = "conflict"


class TakenOver(Conflict):
    """Another agent has taken over the task, believing this agent dead: nothing of the task may be touched."""

    reason = "taken_over"


class CouldNotStart(AgentError):
    """The container never ran; the plugin is not to blame."""

    exit_code = 3
    http_status = 409
    reason = "could_not_start"


class EngineUnavailable(CouldNotStart):
    """No container engine answers."""

    http_status = 503
    reason = "engine_unavailable"


class ImageNotFound(CouldNotStart):
    """The engine has no such image and could not get it."""

    http_status = 404
    reason = "image_not_found"


class BuildFailed(CouldNotStart):
    """The plugin's image could not be built."""

    reason = "build_failed"


class PushFailed(CouldNotStart):
    """A registry does not take the plugin's image; the image stays on its engine."""

    reason = "push_failed"


class PluginFailed(AgentError):
    """The container ran and the plugin did not do its part."""

    exit_code = 1
    http_status = 409
    reason = "plugin_failed"


class StorageFailed(AgentError):
    """Our own storage refused: database, artifacts or task folder."""

    exit_code = 5
    http_status = 503
    reason = "storage_failed"


class Damaged(StorageFailed):
    """The bytes of a blob are not those of its name."""


class StoreBusy(StorageFailed):
    """Another process held the database for too long."""

    reason = "store_busy"


class StoreAway(StoreBusy):
    """The database server cannot be reached now, or cut the connection: whether the transaction counts is unknown."""

    reason = "store_away"


class ArtifactsAway(StorageFailed):
    """The place of the artifacts cannot be reached now. It has not refused anything."""

    reason = "artifacts_away"


class DiskFull(StorageFailed):
    """No space left on the device."""

    http_status = 507
    reason = "disk_full"
