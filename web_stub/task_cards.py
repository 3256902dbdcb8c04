"""Cards of tasks. The outcome of a task that has ended no longer changes, so it is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import LRUCache

from agent.domain import Task, TaskStatus
from agent.liveness import is_alive, why_waiting
from agent.nodes import why_stalled
from agent.paces import pace_of_task
from web_stub.resources.metrics import Series
from web_stub.resources.resource import Ref
from web_stub.resources.tasks import (
    Checkpoint,
    LastMetric,
    Outcome,
    Pace,
    Placement,
    Progress,
    QueuedTask,
    TaskCard,
    TaskDetail,
    WholeTask,
)

if TYPE_CHECKING:
    from agent.store import Placement as StoredPlacement
    from agent.store import Store

BARS_SHOWN = 100  # of a task, those that moved last
_METRICS = 100  # of a card, the first
_PACES = 50  # of a list, at most: each is read for itself, and then rests
_REST = 9  # times as long as that took
_REMOVED = "(removed)"
_Detail = TypeVar("_Detail", bound=WholeTask)


class TaskCards:
    """Makes cards from the store. Safe to use from several threads."""

    def __init__(self, store: Store, *, keep: int = 20_000) -> None:
        self._store = store
        self._outcomes: LRUCache[int, Outcome] = LRUCache(keep)
        # When a pace may be read again, the number of events behind it, and itself.
        self._paces: LRUCache[int, tuple[float, int, Pace | None]] = LRUCache(1000)
        self._lock = threading.Lock()

    def card(self, task: Task) -> TaskCard:
        return self.cards([task])[0]

    def cards(self, tasks: Iterable[Task]) -> list[TaskCard]:
        """Cards of several tasks, in a few questions to the store however many they are."""
        tasks = list(tasks)
        refs, outcomes = _Refs(self._store, tasks), self._outcomes_of(tasks)
        placed = self._store.placements.of_tasks([task.id for task in tasks])
        waits = _Waits(self._store, placed)
        running = [task for task in tasks if task.status is TaskStatus.STARTED][:_PACES]
        paces = {task.id: self._pace_of(task) for task in running}
        return [
            TaskCard.of(
                task,
                outcomes[task.id],
                waits_for=waits.of(task),
                job=_job(placed, task),
                pace=paces.get(task.id),
                **refs.of(task),
            )
            for task in tasks
        ]

    def detail(self, task: Task) -> TaskDetail:
        return self._detailed(TaskDetail, task)

    def queued(self, task: Task, notes: Iterable[str]) -> QueuedTask:
        """The answer to a request for a task; `notes` are about the request."""
        return self._detailed(QueuedTask, task, notes=list(notes))

    def _detailed(self, kind: type[_Detail], task: Task, **given: Any) -> _Detail:
        refs, outcomes = _Refs(self._store, [task]), self._outcomes_of([task])
        placed = self._store.placements.of_tasks([task.id])
        placements = [Placement.of(one) for one in placed.get(task.id, [])]
        waits, job = _Waits(self._store, placed).of(task), _job(placed, task)
        given |= refs.of(task)
        given |= {"waits_for": waits, "job": job, "placements": placements, "pace": self._pace_of(task)}
        return kind.of(task, outcomes[task.id], **given)

    def _pace_of(self, task: Task) -> Pace | None:
        """The pace of a running task, estimated anew when the task has reported something."""
        if task.status is not TaskStatus.STARTED:
            return None
        now = time.monotonic()
        with self._lock:
            next_at, events, pace = self._paces.get(task.id, (now, -1, None))
        if events != task.events_count and now >= next_at:
            found = pace_of_task(self._store, task, self._store.metrics.series(task.id, limit=_METRICS))
            pace = None if found is None else Pace.of(found)
            ended = time.monotonic()
            with self._lock:
                self._paces[task.id] = (ended + _REST * (ended - now), task.events_count, pace)
        return pace if pace is not None and datetime.now(UTC) < pace.valid_until else None

    def _outcomes_of(self, tasks: Sequence[Task]) -> dict[int, Outcome]:
        with self._lock:
            found = {task.id: self._outcomes[task.id] for task in tasks if task.id in self._outcomes}
        missing = [task for task in tasks if task.id not in found]
        ids = [task.id for task in missing]
        bars, counts = self._store.progress.newest_of_tasks(ids), self._store.checkpoints.counts(ids)
        series = self._store.metrics.first_of_tasks(ids, _METRICS)
        for task in missing:
            first, count = series.get(task.id, ([], 0))
            found[task.id] = Outcome(
                progress=Progress.of(bars[task.id]) if task.id in bars else None,
                metrics=[LastMetric.of(one) for one in first],
                metrics_count=count,
                checkpoints=counts.get(task.id, 0),
            )
        with self._lock:
            self._outcomes.update({task.id: found[task.id] for task in missing if task.status.is_final})
        return found


def task_parts(store: Store, task_id: int) -> dict[str, Any]:
    """The parts of a task that a page draws besides its card and its events.

    Bars, checkpoints, series, and the newest image, by which a page sees that there are more.
    """
    return {
        "progress": [Progress.of(bar) for bar in store.progress.newest(task_id, BARS_SHOWN)],
        "progress_count": store.progress.count(task_id),
        "checkpoints": checkpoints_of(store, task_id),
        "series": [Series.of(series) for series in store.metrics.series(task_id)],
        "last_image": store.task_images.last_id(task_id),
    }


def checkpoints_of(store: Store, task_id: int) -> list[Checkpoint]:
    """In the order reported, with the properties of the models they became."""
    found = store.checkpoints.list(task_id)
    models = store.models.by_id([known.model_id for known in found if known.model_id is not None])
    return [Checkpoint.of(known, models.get(known.model_id) if known.model_id else None) for known in found]


def _job(placed: Mapping[int, Sequence[StoredPlacement]], task: Task) -> str | None:
    """The newest job of a task that was placed on a cluster."""
    return placed[task.id][-1].title if task.id in placed else None


class _Refs:
    """The plugin, project and model of each of these tasks."""

    def __init__(self, store: Store, tasks: Sequence[Task]) -> None:
        names = store.names
        self._plugins = names.plugins({task.plugin_id for task in tasks})
        self._projects = names.projects({task.project_id for task in tasks if task.project_id is not None})
        self._models = names.models({task.model_id for task in tasks})

    def of(self, task: Task) -> dict[str, Ref | None]:
        project = task.project_id
        return {
            "plugin": Ref(id=task.plugin_id, name=self._plugins.get(task.plugin_id, _REMOVED)),
            "project": None if project is None else Ref(id=project, name=self._projects.get(project, _REMOVED)),
            "model": Ref(id=task.model_id, name=self._models.get(task.model_id, _REMOVED)),
        }


class _Waits:
    """Why tasks wait, for their turn or for a silent node. The agents are read once, and only where a task may wait."""

    def __init__(self, store: Store, placed: Mapping[int, Sequence[StoredPlacement]]) -> None:
        self._store = store
        self._placed = placed
        self._listed = cache(lambda: {agent.id: agent for agent in store.agents.list()})
        self._agents = cache(lambda: [agent for agent in self._listed().values() if is_alive(agent)])
        self._names = cache(store.nodes.names)
        self._plugin = cache(store.plugins.get)

    def of(self, task: Task) -> str | None:
        if task.status.is_final:
            return None
        if task.status is not TaskStatus.QUEUED:
            return why_stalled(task, self._listed(), self._names()) or None
        if (placed := self._placed.get(task.id)) and (why := placed[-1].waits_for):
            return why
        return why_waiting(self._agents(), task, self._plugin(task.plugin_id), self._names()) or None
