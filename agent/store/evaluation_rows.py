"""Evaluations as values, and as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from agent.errors import NotFound
from agent.store.clock import age
from agent.store.columns import from_json, from_json_or_none, from_us, from_us_or_none, now_us, to_json


class EvaluationStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"  # begun, whether its controller lives or not
    DONE = "done"
    ERROR = "error"  # `reason` says why; asking for it again queues it again


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is compared and how, as it was when the key was made."""

    key: str
    contents: tuple[str, str]  # of truth and predictions (`evaluation_parts.contents_of`)
    plan: Mapping[str, Any]
    images_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    truth_id: int
    predicted_id: int
    task_id: int | None = None  # the inference that predicted
    model_id: int | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)  # mapping and suffix
    planned: Planned | None = None  # None: whoever computes it works it out first


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    id: int
    truth_id: int
    predicted_id: int
    key: str | None
    status: EvaluationStatus
    reason: str | None
    task_id: int | None
    model_id: int | None
    images_total: int
    images_done: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    controller: str | None
    controller_info: Mapping[str, Any]
    unseen_for: timedelta | None  # since the controller's last heartbeat
    contents: tuple[str, str] | None
    headline: Mapping[str, Mapping[str, Any]]
    asked: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        return self.status in (EvaluationStatus.DONE, EvaluationStatus.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What is long: of one evaluation at a time."""

    plan: Mapping[str, Any] | None
    remarks: tuple[str, ...]
    figures: Mapping[str, Any] | None  # of all images


LONG = ("plan", "remarks", "figures")  # columns that lists leave out
OPEN = (EvaluationStatus.QUEUED.value, EvaluationStatus.RUNNING.value)


def missing(id_: int) -> NotFound:
    return NotFound(f"There is no evaluation {id_}; see `agent evaluate list`.")


def row_of(new: NewEvaluation) -> dict[str, Any]:
    return {
        "truth_project_id": new.truth_id,
        "predicted_project_id": new.predicted_id,
        "status": EvaluationStatus.QUEUED.value,
        "task_id": new.task_id,
        "model_id": new.model_id,
        "created_us": now_us(),
        "asked": to_json(new.asked),
        **(plan_columns(new.planned) if new.planned is not None else {}),
    }


def plan_columns(planned: Planned) -> dict[str, Any]:
    return {
        "key": planned.key,
        "contents": to_json(list(planned.contents)),
        "plan": to_json(planned.plan),
        "images_total": planned.images_total,
    }


def evaluation_of(row: Any) -> Evaluation:
    contents = from_json_or_none(row.contents)
    return Evaluation(
        id=row.id,
        truth_id=row.truth_project_id,
        predicted_id=row.predicted_project_id,
        key=row.key,
        status=EvaluationStatus(row.status),
        reason=row.reason,
        task_id=row.task_id,
        model_id=row.model_id,
        images_total=row.images_total,
        images_done=row.images_done,
        created_at=from_us(row.created_us),
        started_at=from_us_or_none(row.started_us),
        finished_at=from_us_or_none(row.finished_us),
        controller=row.controller,
        controller_info=from_json_or_none(row.controller_info) or {},
        unseen_for=None if row.unseen_us is None else age(row.unseen_us),
        contents=None if contents is None else (contents[0], contents[1]),
        headline=from_json_or_none(row.headline) or {},
        asked=from_json(row.asked),
    )
