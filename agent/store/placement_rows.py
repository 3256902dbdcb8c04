"""The rows of placements, and the values made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.store.columns import from_us, from_us_or_none
from agent.store.schema import placements

NEVER_TOLD = "placing"  # the cluster may know the job or not
UNSETTLED = (NEVER_TOLD, "waiting", "running")


@dataclass(frozen=True, slots=True)
class Placement:
    task_id: int
    number: int  # of the task's placements, from 1 on; a later one fences off the earlier ones
    cluster: str
    label: str  # by which the job is found while its id is not known
    job: str | None  # its id on the cluster
    state: str  # placing, waiting, running, ended
    why: str | None  # it waits, or ended so: a sentence
    node: str | None
    submitted_at: datetime
    started_at: datetime | None
    claimed_at: datetime | None  # its agent has taken the task
    ended_at: datetime | None
    how: str | None  # it ended: `agent.clusters.How`
    is_given_up: bool = False  # its task was started anew without it; told by `unsettled` only

    @property
    def is_over(self) -> bool:
        return self.state == "ended"

    @property
    def title(self) -> str:
        """The job and its node for a list: `slurm 77 on n1`."""
        name = f"{self.cluster} {self.job}" if self.job is not None else self.cluster
        return f"{name} on {self.node}" if self.node else name

    @property
    def waits_for(self) -> str:
        """Why a task that is queued still has not begun, a sentence."""
        if self.is_over:
            return f"It is placed again in a moment: {self.why or self.how}."
        if self.job is None:
            return self.why or f"It is handed to {self.cluster}."
        if self.state == "running":
            return f"Job {self.job} of {self.cluster} has begun on {self.node}; its agent starts."
        return (
            f"Job {self.job} of {self.cluster} waits: {self.why}."
            if self.why
            else f"Job {self.job} of {self.cluster} waits."
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cluster says of the job of a placement that has not ended."""

    placement: Placement
    state: str  # placing: it was refused
    job: str | None = None
    why: str | None = None
    node: str | None = None
    started_at: datetime | None = None


def of_values(values: Any) -> Placement:
    by_name = dict(zip(placements.c.keys(), values, strict=True))
    times = {name: by_name.pop(f"{name}_us") for name in ("submitted", "started", "claimed", "ended")}
    return Placement(
        **by_name,
        submitted_at=from_us(times["submitted"]),
        started_at=from_us_or_none(times["started"]),
        claimed_at=from_us_or_none(times["claimed"]),
        ended_at=from_us_or_none(times["ended"]),
    )


def to_placement(row: sa.Row[Any]) -> Placement:
    return of_values(tuple(row))
