"""A study as people see it: in the terminal, on its page, over REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.domain import Task, TaskStatus
from agent.store import StudyState
from agent.tuning.control import is_controlled
from agent.tuning.controller import Turn
from agent.tuning.decisions import TrialState, end_of
from agent.tuning.measured import find_series, read_steps
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
    is_task_deleted: bool  # it lies in the trash, or there is none any more
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
    """The study now, and its search for what costs more. See `require_optuna`.

    A trial that was not told yet is as its task is: a controller may be late, or none may live.
    """
    search, tasks = Search(store, study), store.studies.tasks(study.id)
    trials = []
    for trial in search.trials():
        task = tasks.get(trial.number)
        trials.append(_trial(_now(store, study, trial, task) if trial.state is TrialState.RUNNING else trial, task))
    tally = Tally(study.direction, trials)
    return StudyView(study, is_controlled(study), trials, tally.counts, tally.best), search


def view_of(turn: Turn) -> StudyView:
    """What a turn of the controller has seen."""
    trials = [_trial(trial, turn.tasks.get(trial.number)) for trial in (*turn.ended, *turn.running)]
    best = _trial(turn.best, turn.tasks.get(turn.best.number)) if turn.best is not None else None
    return StudyView(turn.study, is_controlled(turn.study), trials, turn.counts, best)


def _now(store: Store, study: Study, trial: SearchTrial, task: Task | None) -> SearchTrial:
    """A trial that was not told yet, as its task says that it is."""
    ended = task is None or task.status.is_final
    steps = read_steps(store, find_series(store, study, task), ended=ended) if task is not None else []
    reported = trial.steps if trial.is_pruned else dict(steps)  # after the decision to prune nothing is reported
    if not ended:
        return replace(trial, steps=reported)
    values = [value for _, value in steps]
    end = end_of(task, values, metric=study.metric, direction=study.direction, is_pruned=trial.is_pruned)
    value = reported.get(max(reported, default=0)) if end.state is TrialState.PRUNED else end.value
    return replace(trial, state=end.state, value=value, steps=reported, sentence=end.sentence)


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
        is_task_deleted=task is None or task.deleted_at is not None,
        task_status=task.status if task else None,
        started_at=task.started_at if task else None,
        finished_at=task.finished_at if task else None,
    )
