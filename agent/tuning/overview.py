"""A study as people see it: in the terminal, on its page, over REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.domain import Task, TaskStatus
from agent.store import StudyState
from agent.tuning.controller import Turn, is_controlled
from agent.tuning.decisions import NEVER_SUBMITTED, TrialState
from agent.tuning.search import Search, SearchTrial

if TYPE_CHECKING:
    from agent.store import Store, Study


@dataclass(frozen=True, slots=True)
class TrialView:
    number: int
    state: TrialState
    params: Mapping[str, Any]
    value: float | None  # complete: of its best step; pruned, running: of its last one
    step: int | None  # the last one that has a value
    sentence: str  # why it failed
    task_id: int | None
    task_status: TaskStatus | None
    is_task_deleted: bool  # for good: what the search knows of the trial stays
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class StudyView:
    study: Study
    is_controlled: bool  # a process goes on with it
    trials: list[TrialView]
    best: TrialView | None

    @property
    def is_interrupted(self) -> bool:
        """Whether trials are wanted and nobody goes on with them."""
        return self.study.state is StudyState.RUNNING and not self.is_controlled

    def count(self, state: TrialState) -> int:
        return sum(trial.state is state for trial in self.trials)


def view(store: Store, study: Study) -> tuple[StudyView, Search]:
    """The study now, and its search for what costs more. See `require_optuna`."""
    search = Search(store, study)
    return view_of(Turn(study, search.trials(), store.studies.tasks(study.id))), search


def view_of(turn: Turn) -> StudyView:
    trials = [_trial(trial, turn.tasks.get(trial.number)) for trial in turn.trials]
    return StudyView(turn.study, is_controlled(turn.study), trials, best_trial(trials, turn.study.direction))


def best_trial(trials: list[TrialView], direction: str | None) -> TrialView | None:
    """The complete trial with the best value, the first of equals. Pure."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.value is not None]
    if not complete or direction is None:
        return None
    sign = -1 if direction == "maximize" else 1
    return min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def _trial(trial: SearchTrial, task: Task | None) -> TrialView:
    last = max(trial.steps, default=None)
    return TrialView(
        number=trial.number,
        state=trial.state,
        params=trial.params,
        value=trial.steps[last] if trial.state is TrialState.RUNNING and last is not None else trial.value,
        step=last,
        sentence=trial.sentence,
        task_id=task.id if task else None,
        task_status=task.status if task else None,
        is_task_deleted=task is None and trial.state is not TrialState.RUNNING and trial.sentence != NEVER_SUBMITTED,
        started_at=task.started_at if task else None,
        finished_at=task.finished_at if task else None,
    )
