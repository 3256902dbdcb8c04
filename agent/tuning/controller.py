"""The controller of a study: asks for trials, submits their tasks, reports, prunes, tells. A loop over the store.

It may be killed at any moment: what it decided lies in the journal, each trial is made together with its task, and
`decisions.next_actions` says what is missing between the two.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.domain import Task, TaskStatus
from agent.errors import NotFound, StoreBusy
from agent.store import StudyState
from agent.tuning.decisions import (
    Ask,
    Follow,
    Stop,
    Tell,
    TrialState,
    end_of,
    is_reported,
    next_actions,
)
from agent.tuning.measured import find_series, read_steps
from agent.tuning.search import Search, SearchTrial
from agent.tuning.tally import Tally
from agent.tuning.trial_task import task_of

if TYPE_CHECKING:
    from agent.store import Store, Study

HOPELESS = 5  # so many failed trials and no other: the fault lies in what all of them have in common

_REST = 20  # times as long as reading the points of a trial took: a million of them would keep a core busy

_USEFUL = (TrialState.COMPLETE, TrialState.PRUNED)

log = logging.getLogger("agent")


@dataclass(frozen=True, slots=True)
class Turn:
    """A study after a turn of its controller."""

    study: Study
    running: list[SearchTrial]
    ended: list[SearchTrial]  # since the turn before
    counts: Mapping[TrialState, int]  # of all trials
    best: SearchTrial | None  # of all that have ended
    tasks: Mapping[int, Task]  # of the trials named here, by number
    gave_up: str = ""  # why the study was stopped by its controller, a sentence

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: the study has ended, and every trial was told."""
        return self.study.state is not StudyState.RUNNING and not self.running


class Controller:
    """Use it inside `controlling`, from one thread."""

    def __init__(self, store: Store, study_id: int, controller: str) -> None:
        self._store = store
        self._study_id = study_id
        self._controller = controller
        self._seen: dict[int, int] = {}  # trial → the last event whose points were read
        self._rests_until: dict[int, float] = {}  # trial → when its points are read again at the earliest
        self._told: list[SearchTrial] = []  # in this turn
        self._failures = 0  # of tasks, told by this controller
        self._last_failure = ""  # a sentence
        self._gave_up = ""
        self._open()

    def _open(self) -> None:
        """Read the journal: the only time that every trial is read."""
        study = self._store.studies.get(self._study_id)
        self._search = Search(self._store, study, self._controller)
        ended = [trial for trial in self._search.trials() if trial.state is not TrialState.RUNNING]
        self._tally = Tally(study.direction, ended)
        self._seen.clear()

    def turn(self) -> Turn:
        """Do what is missing now, at the cost of the trials that run, however many have ended. Raises Conflict when
        another process controls the study, and what a task's request may raise; the study can be resumed after any
        failure."""
        self._told = []
        try:
            return self._turn()
        except StoreBusy as busy:
            log.warning("study %s: %s", self._study_id, busy)
            self._open()
            return self._look()

    def _turn(self) -> Turn:
        now = self._look()
        study, trials = now.study, {trial.number: trial for trial in now.running}
        missing = next_actions(
            trials, now.tasks, count=self._search.count, state=study.state, wanted=study.trials, jobs=study.jobs
        )
        for action in missing:
            match action:
                case Ask() if not self._is_hopeless and not self._gave_up:
                    self._ask(study)
                case Follow(number):
                    self._follow(study, trials[number], now.tasks[number])
                case Stop(number):
                    self._store.tasks.request_stop(now.tasks[number].id)
                case Tell(number):
                    self._tell(study, trials[number], now.tasks.get(number))
        now = self._look()
        if self._is_hopeless:
            failed = f"all {self._failures} trials so far failed"
            self._give_up(f"{failed}, so the study was stopped; the last: {self._last_failure}")
            now = self._look()
        is_done = not now.running and self._search.count >= now.study.trials
        if now.study.state is StudyState.RUNNING and is_done:
            self._store.studies.finish(self._study_id, self._controller, self._search.count)
            now = self._look()
        return now

    @property
    def _is_hopeless(self) -> bool:
        return self._failures >= HOPELESS and not any(self._tally.counts[state] for state in _USEFUL)

    def _look(self) -> Turn:
        studies = self._store.studies
        study, running, best = (
            studies.controlled(self._study_id, self._controller),
            self._search.unended(),
            self._tally.best,
        )
        shown = [*running, *self._told, *([best] if best is not None else [])]
        return Turn(
            study=study,
            running=running,
            ended=list(self._told),
            tasks=studies.tasks(self._study_id, {trial.number for trial in shown}),
            counts={**self._tally.counts, TrialState.RUNNING: len(running)},
            best=best,
            gave_up=self._gave_up,
        )

    def _give_up(self, why: str) -> None:
        if self._store.studies.get(self._study_id).state is StudyState.RUNNING:
            self._gave_up = why
            self._store.studies.stop(self._study_id)

    def _ask(self, study: Study) -> None:
        try:
            self._search.ask(lambda trial: task_of(study, trial.number, trial.params))
        except NotFound as error:  # the plugin, the project or the model was deleted for good
            self._open()  # Optuna's memory is ahead of the journal
            self._give_up(f"no more trials can be submitted, so the study was stopped: {error}")

    def _follow(self, study: Study, trial: SearchTrial, task: Task) -> None:
        """Report what is new. A decision to prune is noted first, and then the task is stopped."""
        is_pruned = trial.is_pruned
        if not is_pruned and (steps := self._steps(study, task, trial.number, ended=False)):
            with self._search.batch():
                for step, value in steps:
                    if step in trial.steps or not is_reported(step):
                        continue
                    self._search.report(trial.number, step, value)
                    if study.pruner != "none" and self._search.should_prune(trial.number):
                        self._search.note_pruned(trial.number)
                        is_pruned = True
                        break
        if is_pruned and not task.stop_requested:
            self._store.tasks.request_stop(task.id, cause="trial_pruned")

    def _tell(self, study: Study, trial: SearchTrial, task: Task | None) -> None:
        steps = self._steps(study, task, trial.number, ended=True) if task is not None else []
        values = [value for _, value in steps]
        end = end_of(task, values, metric=study.metric, direction=study.direction, is_pruned=trial.is_pruned)
        with self._search.batch():
            for step, value in steps:
                if step not in trial.steps and is_reported(step) and not trial.is_pruned:
                    self._search.report(trial.number, step, value)
            told = self._search.tell(trial.number, end)
        self._told.append(told)
        self._tally.add(told)
        if end.state is TrialState.FAILED and task is not None and task.status is not TaskStatus.STOPPED:
            self._failures += 1
            self._last_failure = end.sentence
        self._seen.pop(trial.number, None)
        self._rests_until.pop(trial.number, None)

    def _steps(self, study: Study, task: Task, number: int, *, ended: bool) -> list[tuple[int, float]]:
        """The steps of the study's metric; of a running task none while nothing is new."""
        series = find_series(self._store, study, task)
        if series is not None and not ended:
            if self._seen.get(number) == series.last_seq or time.monotonic() < self._rests_until.get(number, 0.0):
                return []
            self._seen[number] = series.last_seq
        begun = time.monotonic()
        steps = read_steps(self._store, series, ended=ended)
        self._rests_until[number] = time.monotonic() + _REST * (time.monotonic() - begun)
        return steps
