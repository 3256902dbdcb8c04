"""What `agent task show` says of a task: an object for JSON, and rows for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from agent.cli import show
from agent.domain import Attempt, Task
from agent.fs.disk import size_text
from agent.fs.names import counted
from agent.pace import left_text, rate_text
from agent.paces import pace_of_task

if TYPE_CHECKING:
    from agent.store import NearMissCount, Placement, Store, UsagePeaks


def summary(store: Store, task: Task) -> dict[str, Any]:
    """A task with its checkpoints, metrics, progress bars and pace, as an object for JSON."""
    series = store.metrics.series(task.id)
    return {
        **{name: getattr(task, name) for name in Task.__slots__},
        "step": task.step.name,
        "checkpoints": store.checkpoints.list(task.id),
        "metrics": series,
        "progress": store.progress.list(task.id),
        "near_misses": store.near_misses.list(task.id),
        "peaks": store.usage.peaks([task.id]).get(task.id),
        "peaks_of_shared_gpus": store.usage.is_of_shared_gpus(task.id),
        "trial": store.studies.of_tasks([task.id]).get(task.id),
        "attempts": store.attempts.list(task.id),
        "placements": store.placements.of_task(task.id),
        "pace": pace_of_task(store, task, series),
    }


def rows_of(store: Store, task: Task, full: Mapping[str, Any], go_on: str | None) -> list[tuple[str, object]]:
    """Names and values. `full`: as `summary`, with `waits_for`; `go_on` says how a task without an agent goes on."""
    trial, pace, names = full["trial"], full["pace"], store.nodes.names()
    plugin = store.plugins.get_anywhere(task.plugin_id)
    project = None if task.project_id is None else store.projects.get_anywhere(task.project_id)
    rows: list[tuple[str, object]] = [
        ("name", task.name),
        ("type", task.type.value),
        ("status", task.status.value),
        ("tags", ", ".join(task.tags)),
        ("archived", task.archived_at),
        ("in the trash", task.deleted_at),
        ("agent", go_on),
        ("waits", full["waits_for"] if go_on is None else None),
        ("reason", task.reason),
        ("message", task.message),
        ("plugin", plugin.reference),
        ("project", project and f"{project.name} ({project.id})"),
        ("model", task.model_id),
        ("study", trial and f"{trial.study_id}, trial {trial.number}"),
        ("node", names.get(task.node or "", task.node)),
        *_attempts(full["attempts"], names),
        *_placements(full["placements"]),
        ("engine", task.engine),
        ("image", task.image_digest),
        ("created", task.created_at),
        ("took", show.duration(task.started_at, task.finished_at)),
        ("rate", pace and rate_text(pace)),
        ("end", pace and left_text(pace, datetime.now(UTC))),
        ("lines", task.lines_read),
        ("checkpoints", len(full["checkpoints"])),
        *_near_misses(full["near_misses"]),
        *_peaks(full["peaks"], of_shared_gpus=full["peaks_of_shared_gpus"]),
        ("config", orjson.dumps(task.config).decode()),
        ("notes", task.notes),
    ]
    return [row for row in rows if row[1] not in (None, "")]


def _near_misses(found: Iterable[NearMissCount]) -> list[tuple[str, object]]:
    """Lines that were surely meant as an event, as rows for a terminal."""
    return [
        ("nearly events", f"{counted(one.count, 'line')} from line {one.first_seq} on: {one.nearly}. {one.change}")
        for one in found
    ]


def _placements(placements: Iterable[Placement]) -> list[tuple[str, object]]:
    """The jobs of a task on a cluster, as rows for a terminal."""
    return [("job", f"{one.title}: {one.how or one.state}" + (f", {one.why}" if one.why else "")) for one in placements]


def _peaks(peaks: UsagePeaks | None, *, of_shared_gpus: bool) -> list[tuple[str, object]]:
    """The most that a task used at once, as rows for a terminal."""
    if peaks is None:
        return []
    percent = [None if value is None else f"{value:.0f}%" for value in (peaks.cpu_percent, peaks.gpu_percent)]
    memory = [None if value is None else size_text(value) for value in (peaks.memory_bytes, peaks.gpu_memory_bytes)]
    if of_shared_gpus and memory[1] is not None:
        memory[1] += " (of every program on the GPUs)"
    names = ("peak cpu", "peak memory", "peak gpu", "peak gpu memory")
    return list(zip(names, (percent[0], memory[0], percent[1], memory[1]), strict=True))


def _attempts(attempts: Sequence[Attempt], names: Mapping[str, str]) -> list[tuple[str, object]]:
    """The attempts of a task that has had several, as rows for a terminal."""
    if len(attempts) < 2:
        return []
    return [
        (
            f"attempt {attempt.number}",
            ", ".join(
                part
                for part in (
                    f"on {names.get(attempt.node, attempt.node[:8])}" if attempt.node else "queued",
                    f"from model {attempt.model_id}",
                    show.duration(attempt.started_at, attempt.ended_at),
                    attempt.reason or "",
                )
                if part
            ),
        )
        for attempt in attempts
    ]
