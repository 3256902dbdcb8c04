"""The door to Optuna: a study's search over its space, kept in its journal. Nothing else imports Optuna."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from agent.store import NewTrial
from agent.tuning.decisions import End, TrialState
from agent.tuning.journal import StoreJournal
from agent.tuning.space import Choices, Dimension, from_json

if TYPE_CHECKING:
    from agent.domain import NewTask
    from agent.store import Store, Study


_STATES = {
    OptunaState.RUNNING: TrialState.RUNNING,
    OptunaState.WAITING: TrialState.RUNNING,
    OptunaState.COMPLETE: TrialState.COMPLETE,
    OptunaState.PRUNED: TrialState.PRUNED,
    OptunaState.FAIL: TrialState.FAILED,
}
_OPTUNA_STATES = {state: optuna_state for optuna_state, state in _STATES.items()}
_PRUNED, _SENTENCE = "pruned", "sentence"  # what we note at a trial
_NO_VALUE = 0.0  # Optuna wants a number of a complete trial, also where nothing is compared
_ENOUGH = 10  # complete trials, for a word about which parameter matters
_SEEDS = 2**32

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """A trial as the search knows it."""

    number: int
    state: TrialState
    params: Mapping[str, Any]  # key of the config → value
    value: float | None  # complete: its best step; pruned: its last one
    steps: Mapping[int, float]
    is_pruned: bool  # decided; its task may still run
    sentence: str  # why it failed


@dataclass(frozen=True, slots=True)
class Importance:
    shares: Mapping[str, float] | None  # of 1, by parameter
    missing: str  # why there are none, a sentence


class Search:
    def __init__(self, store: Store, study: Study, controller: str | None = None) -> None:
        """Open the search of a study as it stands in its journal, which is read once by a `controller`, the only one
        that appends. Without one the search can only be read."""
        self._study = study
        self._space = from_json(study.space)
        self._name = f"study-{study.id}"
        self._journal = StoreJournal(store, study.id, controller)
        self._storage = JournalStorage(self._journal)
        known = {frozen.study_name for frozen in self._storage.get_all_studies()}
        if controller is not None and self._name not in known:
            direction = StudyDirection.MAXIMIZE if study.direction == "maximize" else StudyDirection.MINIMIZE
            optuna.create_study(storage=self._storage, study_name=self._name, direction=direction)
            known.add(self._name)
        self._optuna = self._with(RandomSampler()) if self._name in known else None
        self._grid = _grid(study, self._space) if study.sampler == "grid" and controller is not None else None
        self._unended: dict[int, None] = {}  # numbers in their order; kept current for a controller only
        self.count = 0  # of trials
        if controller is not None:
            frozen_trials = self._frozen()
            self.count = len(frozen_trials)
            self._unended = dict.fromkeys(one.number for one in frozen_trials if not one.state.is_finished())

    def _with(self, sampler: BaseSampler) -> optuna.Study:
        return optuna.load_study(
            study_name=self._name, storage=self._storage, sampler=sampler, pruner=_pruner(self._study.pruner)
        )

    @property
    def _opened(self) -> optuna.Study:
        assert self._optuna is not None, "opened with a controller, or the controller has begun"
        return self._optuna

    def trials(self) -> list[SearchTrial]:
        """Every trial so far, by number."""
        return [] if self._optuna is None else [self._trial(frozen) for frozen in self._frozen()]

    def _frozen(self) -> list[FrozenTrial]:
        return self._opened.get_trials(deepcopy=False)

    def _trial(self, frozen: FrozenTrial) -> SearchTrial:
        state = _STATES[frozen.state]
        ended = state in (TrialState.COMPLETE, TrialState.PRUNED) and self._study.metric is not None
        return SearchTrial(
            number=frozen.number,
            state=state,
            params={
                key: json.loads(value) if isinstance(self._space.get(key), Choices) else value
                for key, value in sorted(frozen.params.items(), key=lambda item: list(self._space).index(item[0]))
            },
            value=frozen.values[0] if ended and frozen.values else None,
            steps=dict(frozen.intermediate_values),
            is_pruned=_PRUNED in frozen.user_attrs,
            sentence=str(frozen.user_attrs.get(_SENTENCE, "")),
        )

    # ---------------------------------------------------------------- for the controller

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What the block does is committed at once, or not at all: see `StoreJournal.batch`."""
        with self._journal.batch():
            yield

    def unended(self) -> list[SearchTrial]:
        """The trials that were not told yet, by number. It costs the same however many have ended."""
        return [self.trial(number) for number in self._unended]

    def trial(self, number: int) -> SearchTrial:
        return self._trial(self._storage.get_trial(self._id(number)))

    def ask(self, task_of: Callable[[SearchTrial], NewTask]) -> SearchTrial:
        """A new trial with parameters, made together with its task: both are committed, or neither is."""
        sampler = self._grid or _sampler(self._study, self.count)
        with self.batch():
            asked = self.trial(self._with(sampler).ask(_distributions(self._space)).number)
            self._journal.add_task(NewTrial(asked.number, task_of(asked)))
        self.count += 1
        self._unended[asked.number] = None
        return asked

    def report(self, number: int, step: int, value: float) -> None:
        self._storage.set_trial_intermediate_value(self._id(number), step, value)

    def should_prune(self, number: int) -> bool:
        """Whether the pruner sees nothing in going on, by what was reported so far."""
        return self._opened.pruner.prune(self._opened, self._storage.get_trial(self._id(number)))

    def note_pruned(self, number: int) -> None:
        """Remember the decision, so that it outlives this process: the end of the task comes later."""
        self._storage.set_trial_user_attr(self._id(number), _PRUNED, True)

    def tell(self, number: int, end: End) -> SearchTrial:
        """The trial as it ended."""
        if end.sentence:
            self._storage.set_trial_user_attr(self._id(number), _SENTENCE, end.sentence)
        value = (_NO_VALUE if end.value is None else end.value) if end.state is TrialState.COMPLETE else None
        self._opened.tell(number, value, state=_OPTUNA_STATES[end.state])
        self._unended.pop(number, None)
        return self.trial(number)

    def _id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(self._name)
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)

    # ---------------------------------------------------------------- for people

    def importance(self) -> Importance:
        """How much each parameter matters for being among the best tenth (PED-ANOVA)."""
        if self._study.metric is None:
            return Importance(None, "The study has no metric, so nothing is compared.")
        if len(self._space) < 2:
            return Importance(None, "Only one parameter varies.")
        complete = [] if self._optuna is None else [one for one in self._frozen() if one.state is OptunaState.COMPLETE]
        if len(complete) < _ENOUGH:
            return Importance(None, f"Told from {_ENOUGH} complete trials on; {len(complete)} are complete.")
        if len({tuple(frozen.values or ()) for frozen in complete}) < 2:
            return Importance(None, "All complete trials have the same value.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is experimental, or that all trials are alike
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            found = optuna.importance.get_param_importances(self._opened, evaluator=evaluator)
        return Importance({key: float(share) for key, share in found.items()}, "")


def _distributions(space: Mapping[str, Dimension]) -> dict[str, BaseDistribution]:
    return {key: _distribution(dimension) for key, dimension in space.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(_texts(dimension))
    if dimension.is_integer:
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, int(dimension.step or 1))
    return FloatDistribution(dimension.low, dimension.high, dimension.log, dimension.step)


def _texts(choices: Choices) -> Sequence[str]:
    """The choices as JSON: Optuna takes texts, and a choice may be a list or an object."""
    return [json.dumps(value) for value in choices.values]


def _grid(study: Study, space: Mapping[str, Dimension]) -> GridSampler:
    """It gives the trial N the combination N of an order that the seed makes; so one sampler does for all trials."""
    choices = {key: _texts(choices) for key, choices in space.items() if isinstance(choices, Choices)}
    return GridSampler(choices, seed=study.seed % _SEEDS)


def _sampler(study: Study, number: int) -> BaseSampler:
    """The sampler for one trial. Its seed depends on the trial: a resumed study does not draw the same again."""
    seed = (study.seed + number) % _SEEDS
    if study.sampler == "random":
        return RandomSampler(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # Trials that still run count as bad ones, so that those beside them are not all alike.
        return TPESampler(seed=seed, constant_liar=study.jobs > 1)


def _pruner(name: str) -> BasePruner:
    match name:
        case "median":
            return MedianPruner()
        case "hyperband":
            return HyperbandPruner()
    return NopPruner()
