"""A study as people see it: in the terminal, on its page, over REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.domain import Task, TaskStatus
from agent.store import StudyState
from agent.tuning.controller import Turn, is_controlled
from agent.tuning.decisions import TrialState
from agent.tuning.search import Search, SearchTrial
from agent.tuning.tally import Tally

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
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class StudyView:
    study: Study
    is_controlled: bool  # a process goes on with it
    trials: list[TrialView]  # after a turn of the controller: those that run, or ended in this turn
    counts: Mapping[TrialState, int]  # of all trials
    best: TrialView | None

    @property
    def is_interrupted(self) -> bool:
        """Whether trials are wanted and nobody goes on with them."""
        return self.study.state is StudyState.RUNNING and not self.is_controlled

    def count(self, state: TrialState) -> int:
        return self.counts[state]


def view(store: Store, study: Study) -> tuple[StudyView, Search]:
    """The study now, and its search for what costs more. See `require_optuna`."""
    search, tasks = Search(store, study), store.studies.tasks(study.id)
    trials = [_trial(trial, tasks.get(trial.number)) for trial in search.trials()]
    tally = Tally(study.direction, trials)
    return StudyView(study, is_controlled(study), trials, tally.counts, tally.best), search


def view_of(turn: Turn) -> StudyView:
    """What a turn of the controller has seen."""
    trials = [_trial(trial, turn.tasks.get(trial.number)) for trial in (*turn.ended, *turn.running)]
    best = _trial(turn.best, turn.tasks.get(turn.best.number)) if turn.best is not None else None
    return StudyView(turn.study, is_controlled(turn.study), trials, turn.counts, best)


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
        started_at=task.started_at if task else None,
        finished_at=task.finished_at if task else None,
    )
