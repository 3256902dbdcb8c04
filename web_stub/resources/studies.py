"""Studies, and their trials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field

from agent.domain import TaskStatus
from agent.store import StudyState
from agent.tuning.decisions import TrialState
from web_stub.resources.resource import Resource, Used

if TYPE_CHECKING:
    from agent.tuning.overview import StudyView
    from agent.tuning.search import Importance


class Trial(Resource):
    number: int
    state: TrialState
    params: Annotated[dict[str, Any], Field(description="key of the config → value")]
    value: Annotated[float | None, Field(description="its best; of a trial that runs or was pruned the last")]
    step: Annotated[int | None, Field(description="the last one that has a value, counted from 0")]
    sentence: Annotated[str, Field(description="why it failed")]
    task_id: int | None
    is_task_deleted: Annotated[bool, Field(description="it lies in the trash, or is gone for good: task_id is null")]
    task_status: TaskStatus | None
    started_at: datetime | None
    finished_at: datetime | None


class StudyCard(Resource):
    id: int
    name: str
    state: StudyState
    is_interrupted: Annotated[bool, Field(description="trials are wanted, and no process goes on with them")]
    metric: str | None
    direction: str | None
    sampler: str
    pruner: str
    trials_wanted: int
    counts: Annotated[dict[str, int], Field(description="trials by state")]
    best: Trial | None
    created_at: datetime

    @classmethod
    def of(cls, found: StudyView, **given: Any) -> Self:
        return super().of(
            found.study,
            is_interrupted=found.is_interrupted,
            trials_wanted=found.study.trials,
            counts={state.value: found.count(state) for state in TrialState},
            best=Trial.of(found.best) if found.best else None,
            **given,
        )


class StudyList(Resource):
    items: list[StudyCard]
    next: Annotated[int | None, Field(description="`before` of the next page")]


class Study(StudyCard):
    plugin: Used
    project: Used
    model: Used
    jobs: int
    seed: int
    space: Annotated[
        dict[str, Any], Field(description="key → `choices`, or a range: `low`, `high`, `is_integer`, `log`, `step`")
    ]
    importance: Annotated[
        dict[str, float] | None, Field(description="key → share of 1; null: `no_importance` says why")
    ]
    no_importance: Annotated[str | None, Field(description="why there is none, a sentence")]
    trials: list[Trial]

    @classmethod
    def whole(cls, found: StudyView, importance: Importance, used: Mapping[str, Used], **given: Any) -> Self:
        return cls.of(
            found,
            **used,
            importance=dict(importance.shares) if importance.shares is not None else None,
            no_importance=importance.missing or None,
            trials=[Trial.of(trial) for trial in found.trials],
            **given,
        )


class BegunStudy(Study):
    """The answer to a request for a study."""

    notes: Annotated[list[str], Field(description="sentences about what was asked for and may be a slip; often none")]
