"""What a controller remembers of placements and tasks; a controller that is started anew begins again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.worker.conditions import pauses

if TYPE_CHECKING:
    from agent.store import Placement


@dataclass(slots=True)
class Memory:
    """Of a placement, or of a task that is placed again."""

    unknown_since: float | None = None
    ending_since: float | None = None
    is_unsent: bool = False  # its cluster was never asked to start it
    told: tuple[object, ...] = ()
    said: str = ""  # why its cluster did not answer about it
    retry_at: float = 0.0
    pauses: Iterator[float] = field(default_factory=pauses)

    def is_due(self) -> bool:
        return time.monotonic() >= self.retry_at

    def pause(self) -> None:
        self.retry_at = time.monotonic() + next(self.pauses)


class Memories:
    def __init__(self) -> None:
        self._placements: dict[tuple[int, int], Memory] = {}
        self._tasks: dict[int, Memory] = {}

    def of(self, placement: Placement) -> Memory:
        return self._placements.setdefault((placement.task_id, placement.number), Memory())

    def keep_only(self, placements: set[tuple[int, int]]) -> None:
        """Forget all others, by task and number."""
        for key in self._placements.keys() - placements:
            del self._placements[key]

    def rest(self, task_id: int) -> None:
        """Place the task again only after a pause, which grows."""
        self._tasks.setdefault(task_id, Memory()).pause()

    def resting(self) -> set[int]:
        """The tasks that are not to be placed now."""
        return {task_id for task_id, memory in self._tasks.items() if not memory.is_due()}

    @property
    def has_tasks(self) -> bool:
        """Whether tasks rest, or have rested."""
        return bool(self._tasks)
