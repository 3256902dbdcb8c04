"""The controller of a study: asks for trials, submits their tasks, reports, prunes, tells. A loop over the store.

It may be killed at any moment: what it decided lies in the journal, what it asked for lies in the tasks, and
`decisions.next_actions` says what is missing between the two.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.domain import Task, TaskStatus
from agent.errors import AgentError, Conflict, StoreBusy
from agent.heartbeats import Heartbeats
from agent.liveness import SEEN_WITHIN, process_runs, this_process
from agent.store import StudyState, Trial
from agent.tuning.decisions import (
    Ask,
    Follow,
    Stop,
    Submit,
    Tell,
    TrialState,
    end_of,
    next_actions,
    read_metric,
    steps_of,
)
from agent.tuning.search import Search, SearchTrial
from agent.tuning.trial_task import task_of

if TYPE_CHECKING:
    from agent.store import Store, Study

LEASE_S = 30.0  # a controller on another machine is dead when its heartbeat was the same for so long
BEAT_S = 5.0  # a lease survives five missed beats
HOPELESS = 5  # so many failed trials and no other: the fault lies in what all of them have in common

_USEFUL = (TrialState.COMPLETE, TrialState.PRUNED)

log = logging.getLogger("agent")


@dataclass(frozen=True, slots=True)
class Turn:
    """A study after a turn of its controller."""

    study: Study
    trials: list[SearchTrial]
    tasks: Mapping[int, Task]  # by number of the trial
    gave_up: str = ""  # why the study was stopped by its controller, a sentence

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: the study has ended, and every trial was told."""
        running = any(trial.state is TrialState.RUNNING for trial in self.trials)
        return self.study.state is not StudyState.RUNNING and not running


def is_controlled(study: Study) -> bool:
    """Whether a controller lives: its process where that can be asked from here, else a beat in the last minute."""
    if study.controller is None or study.unseen_for is None:
        return False
    runs = process_runs(study.controller_info)
    return study.unseen_for < SEEN_WITHIN if runs is None else runs


def _wait_for_death(store: Store, study: Study) -> bool:
    """Whether the controller of the study is dead. One that cannot be asked is watched for the length of a lease."""
    if study.controller is None or study.seen_at is None:
        return True
    if (runs := process_runs(study.controller_info)) is not None:
        return not runs
    watch, now = Heartbeats(LEASE_S, gap_s=LEASE_S / 2), study
    while now.controller == study.controller:
        watch.look({study.controller: now.seen_at}, time.monotonic())
        if study.controller in watch.silent:
            return True
        if study.controller in watch.beating:
            return False
        time.sleep(min(1.0, LEASE_S / 10))
        now = store.studies.get(study.id)
    return now.controller is None


@contextmanager
def controlling(store: Store, study_id: int) -> Iterator[str]:
    """Be the study's only controller while the block runs; gives the name to act by. Conflict when another lives.

    Waits for the length of a lease where another machine had the controller and it is not known to have ended.
    """
    study = store.studies.get(study_id)
    controller = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"
    free = _wait_for_death(store, study)
    seen = study.controller if store.studies.get(study_id).controller is not None else None
    if not free or not store.studies.control(study_id, controller, this_process(), instead_of=seen):
        pid = store.studies.get(study_id).controller_info.get("pid")
        raise Conflict(
            f"study {study_id} is run by another process{f' ({pid})' if pid else ''} already; "
            f"`agent tune show {study_id}` shows how it goes, `agent tune stop {study_id}` stops it"
        )
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_S):
            try:
                store.studies.beat(study_id, controller)
            except AgentError as error:  # a busy store: the next beat comes before the lease ends
                log.warning("study %s: heartbeat missed: %s", study_id, error)

    heart = threading.Thread(target=beat, name="study-heartbeat", daemon=True)
    heart.start()
    try:
        yield controller
    finally:
        stop.set()
        heart.join()
        with suppress(AgentError):  # the next controller sees that this process has ended
            store.studies.release(study_id, controller)


class Controller:
    """Use it inside `controlling`, from one thread."""

    def __init__(self, store: Store, study_id: int, controller: str) -> None:
        self._store = store
        self._study_id = study_id
        self._controller = controller
        self._search = Search(store, store.studies.get(study_id), controller)
        self._seen: dict[int, int] = {}  # trial → the last event whose points were read
        self._failures = 0  # of tasks, told by this controller
        self._has_use = False  # whether any trial of the study has come to something
        self._gave_up = ""

    def turn(self) -> Turn:
        """Do what is missing now. Raises Conflict when another process controls the study, and what a task's request
        may raise; the study can be resumed after any failure."""
        try:
            return self._turn()
        except StoreBusy as busy:
            log.warning("study %s: %s", self._study_id, busy)
            self._search = Search(self._store, self._store.studies.get(self._study_id), self._controller)
            self._seen.clear()
            return self._look()

    def _turn(self) -> Turn:
        now = self._look()
        study, trials = now.study, {trial.number: trial for trial in now.trials}
        states = {number: trial.state for number, trial in trials.items()}
        for action in next_actions(states, now.tasks, state=study.state, wanted=study.trials, jobs=study.jobs):
            match action:
                case Ask() if not self._is_hopeless:
                    self._submit(study, self._search.ask())
                case Submit(number):
                    self._submit(study, trials[number])
                case Follow(number):
                    self._follow(study, trials[number], now.tasks[number])
                case Stop(number):
                    self._store.tasks.request_stop(now.tasks[number].id)
                case Tell(number):
                    self._tell(study, trials[number], now.tasks.get(number))
        now = self._look()
        if self._is_hopeless:
            self._give_up(now)
            now = self._look()
        all_ended = all(trial.state is not TrialState.RUNNING for trial in now.trials)
        if now.study.state is StudyState.RUNNING and all_ended and len(now.trials) >= now.study.trials:
            self._store.studies.finish(self._study_id, self._controller, len(now.trials))
            now = self._look()
        return now

    @property
    def _is_hopeless(self) -> bool:
        return self._failures >= HOPELESS and not self._has_use

    def _look(self) -> Turn:
        studies = self._store.studies
        study, trials = studies.get(self._study_id), self._search.trials()
        self._has_use = any(trial.state in _USEFUL for trial in trials)
        return Turn(study, trials, studies.tasks(self._study_id), self._gave_up)

    def _give_up(self, now: Turn) -> None:
        if now.study.state is StudyState.RUNNING:
            last = next(trial.sentence for trial in reversed(now.trials) if trial.sentence)
            self._gave_up = f"all {self._failures} trials so far failed, so the study was stopped; the last: {last}"
            self._store.studies.stop(self._study_id)

    def _submit(self, study: Study, trial: SearchTrial) -> None:
        task = task_of(study, trial.number, trial.params)
        self._store.tasks.add(task, trial=Trial(study.id, trial.number))

    def _follow(self, study: Study, trial: SearchTrial, task: Task) -> None:
        """Report what is new. A decision to prune is noted first, and then the task is stopped."""
        is_pruned = trial.is_pruned
        if not is_pruned and (steps := self._steps(study, task, trial.number, ended=False)):
            with self._search.batch():
                for step, value in steps:
                    if step in trial.steps:
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
                if step not in trial.steps and not trial.is_pruned:
                    self._search.report(trial.number, step, value)
            self._search.tell(trial.number, end)
        if end.state is TrialState.FAILED and task is not None and task.status is not TaskStatus.STOPPED:
            self._failures += 1
        self._has_use = self._has_use or end.state in _USEFUL
        self._seen.pop(trial.number, None)

    def _steps(self, study: Study, task: Task, number: int, *, ended: bool) -> list[tuple[int, float]]:
        """The steps of the study's metric; of a running task none while nothing is new."""
        if study.metric is None:
            return []
        metric = read_metric(study.metric)
        for series in self._store.metrics.series(task.id):
            if (series.kind, series.name) == (metric.kind, metric.name):
                if not ended and self._seen.get(number) == series.last_seq:
                    return []
                points = self._store.metrics.points(series.id)
                self._seen[number] = series.last_seq
                return steps_of(points.epoch, points.value, ended=ended)
        return []
