"""What an installation has recorded of its tasks, as values for `judge.py`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from agent.domain import CheckpointState, Task
from agent.events.model import Stream
from agent.store import Placement, Store, StoredEvent
from tests.chaos.audit import CLOSING
from tests.chaos.clusters.field import Met
from tests.chaos.clusters.judge import Kept, Run, Story
from tests.support import s3_server

LATE = timedelta(seconds=60)  # after a node is mended: what was decided about it while it was away still happens


class Blobs:
    """The objects as the server has them, past every cache."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def damage(self, sha256: str) -> str:
        try:
            key = f"{self._prefix}/{sha256[:2]}/{sha256[2:4]}/{sha256}"
            body = self._client.get_object(Bucket=s3_server.BUCKET, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return f"its blob {sha256[:12]} is missing"
        return "" if hashlib.sha256(body).hexdigest() == sha256 else f"its blob {sha256[:12]} is damaged"

    def unnamed(self, named: Collection[str]) -> list[str]:
        """The objects that no row names: they stay on an object store, where nobody sees who is about to use them."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=s3_server.BUCKET, Prefix=f"{self._prefix}/"
        )
        keys = [entry["Key"].rpartition("/")[2] for page in pages for entry in page.get("Contents", ())]
        return [key for key in keys if key not in named]


def story_of(store: Store, task: Task, met: Iterable[Met], blobs: Blobs) -> Story:
    events = list(store.events.each(task.id))
    printed = [event for event in events if event.stream is not Stream.AGENT]
    attempts = store.attempts.list(task.id)
    firsts = [attempt.first_seq for attempt in attempts] or [1]
    rows = store.checkpoints.list(task.id)
    index_of = {row.model_id: row.index for row in rows if row.model_id is not None}
    placements = store.placements.of_task(task.id)
    starts = [(index_of.get(attempt.model_id), attempt.reason) for attempt in attempts] or [(None, task.reason)]
    runs = [
        Run({word: _said(printed, stream, word, first, until) for word, stream in _STREAMS}, start, reason)
        for (start, reason), first, until in zip(starts, firsts, [*firsts[1:], 1 << 62], strict=True)
    ]
    kept = []
    for row in rows:
        damage = ""
        if row.state is CheckpointState.PUBLISHED:
            assert row.model_id is not None
            damage = blobs.damage(store.models.get(row.model_id).sha256)
        kept.append(Kept(row.index, _attempt_at(firsts, row.seq), row.state.value, damage))
    reported = [_fields(event) for event in printed if event.event_type == "CHECKPOINT"]
    series = [store.metrics.points(one.id) for one in store.metrics.series(task.id)]
    return Story(
        id=task.id,
        status=task.status.value,
        reason=task.reason,
        lines=task.config["lines"],
        every=task.config["checkpoint_every"],
        restarts=task.options.restarts,
        runs=runs,
        kept=kept,
        reported=[int(fields["id"]) for fields in reported],
        points=[float(epoch or 0) for one in series for epoch in one.epoch],
        reported_points=[float(_fields(event)["epoch"]) for event in printed if event.event_type == "METRICS"],
        seqs=[event.seq for event in events],
        closing=[e.event_type for e in events if e.stream is Stream.AGENT and e.event_type in CLOSING],
        placements_open=sum(not placement.is_over for placement in placements),
        met=[one.way for one in met if has_met(one, task.id, placements)],
    )


_STREAMS = (("out", Stream.STDOUT), ("err", Stream.STDERR))


def _said(printed: list[StoredEvent], stream: Stream, word: str, first: int, until: int) -> list[str]:
    its = (event for event in printed if event.stream is stream and first <= event.seq < until)
    return [event.raw for event in its if event.raw.startswith(f"{word} ")]


def _fields(event: StoredEvent) -> dict[str, Any]:
    """Of a line that the plugin printed as JSON."""
    return dict(json.loads(event.raw))


def _attempt_at(firsts: list[int], seq: int) -> int:
    return max(number for number, first in enumerate(firsts, 1) if number == 1 or first <= seq)


def has_met(met: Met, task_id: int, placements: Iterable[Placement]) -> bool:
    """Whether an act was done to this task, or to a node while it had one of the task's jobs. Pure."""
    if task_id in met.tasks:
        return True
    if met.node is None:
        return False
    return any(
        placement.node == met.node
        and (met.until is None or placement.submitted_at <= met.until + LATE)
        and (placement.ended_at is None or placement.ended_at >= met.since)
        for placement in placements
    )
