"""What a task says to those who look at it, without what belongs to one run: numbers, times, ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.artifacts import open_artifacts
from agent.domain import Task
from agent.events.model import Stream
from agent.installation import Installation
from agent.settings import Settings
from agent.store import Store, open_store


@contextmanager
def opened(home: Path) -> Iterator[Installation]:
    settings = Settings(home=home)
    store = open_store(settings.store)
    try:
        yield Installation(store, open_artifacts(settings.artifacts), settings)
    finally:
        store.close()


def verdict(task: Task) -> tuple[Any, ...]:
    return task.type, task.status, task.reason, task.message, task.exit_code, task.name, task.config


def story(store: Store, task: Task) -> dict[str, Any]:
    """Lines of each stream, the agent's steps, series, bars, checkpoints, images and the result of a task."""
    events = list(store.events.each(task.id))
    series = store.metrics.series(task.id)
    points = {one.id: store.metrics.points(one.id) for one in series}
    result = None if task.result_project_id is None else store.projects.get(task.result_project_id)
    return {
        **{
            stream.name: [(one.level, one.event_type, one.raw) for one in events if one.stream is stream]
            for stream in (Stream.STDOUT, Stream.STDERR)
        },
        # Sorted: what arrives beside the log loop is noted when it has arrived.
        "steps": sorted(one.event_type for one in events if one.stream is Stream.AGENT and one.event_type),
        "series": sorted(
            (one.kind, one.name, one.count, list(points[one.id].epoch), list(points[one.id].value)) for one in series
        ),
        "bars": sorted((bar.subtask, bar.current, bar.total) for bar in store.progress.list(task.id)),
        "checkpoints": [
            (row.index, row.subdir, row.size_bytes, row.is_best, row.optional, row.state, row.reason)
            + ((None,) if row.model_id is None else (store.models.get(row.model_id).sha256,))
            for row in store.checkpoints.list(task.id)
        ],
        "images": [(one.name, one.step, one.path, one.sha256) for one in store.task_images.list(task.id)],
        "result": result
        and (
            result.meta,
            [
                (dataset.name, [tuple(file) for file in store.images.files_of_dataset(dataset.id)])
                for dataset in store.datasets.list(result.id)
            ],
        ),
    }
