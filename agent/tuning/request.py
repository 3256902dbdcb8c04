"""From what was asked for to a study, or a sentence that says why not."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from agent.domain import NewTask, Plugin
from agent.errors import BadInput, Conflict, NotFound
from agent.formats.json_values import storable_problem
from agent.fs.names import read_number
from agent.library.bulk import Noun, shelf
from agent.store import NewStudy
from agent.submission import check_name, require_fitting
from agent.tuning.decisions import read_metric
from agent.tuning.space import Choices, Range, Space, from_json, to_json
from agent.tuning.trial_task import with_params

if TYPE_CHECKING:
    from agent.store import Store, Study

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("none", "median", "hyperband")
TRIALS = 50
MOST_TRIALS = 10_000  # Optuna reads all of them for each new one
MOST_JOBS = 64
_SEEDS = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """A search as asked for; None: the default."""

    maximize: str | None = None  # a metric: val.mean_iou
    minimize: str | None = None
    trials: int | None = None
    jobs: int = 1
    sampler: str | None = None
    pruner: str | None = None
    name: str | None = None
    seed: int | None = None


def new_study(store: Store, request: StudyRequest, space: Space, task: NewTask) -> NewStudy:
    """Check a request, and give the study to add. `task` has what is fixed in its config. Raises BadInput."""
    metric, direction = _goal(request)
    sampler = _choice(request.sampler, SAMPLERS, "sampler") or ("tpe" if metric else "grid")
    pruner = _choice(request.pruner, PRUNERS, "pruner") or "none"
    if metric is None and sampler != "grid":
        raise BadInput(
            f"--sampler {sampler} needs a metric to go by; "
            "add --maximize val.NAME or --minimize val.NAME, or choose --sampler grid"
        )
    if metric is None and pruner != "none":
        raise BadInput(f"--pruner {pruner} needs a metric to go by; add --maximize val.NAME or --minimize val.NAME")
    trials = _trials(request.trials, sampler, space, is_compared=metric is not None)
    _require_within(request.jobs, "jobs", MOST_JOBS)
    if request.seed is not None:
        _require_within(request.seed, "seed", _SEEDS - 1, least=0)
    try:
        example = example_of(space, task)
    except BadInput as error:
        raise BadInput(f"{error}; choose another key, or change the config") from None
    if problem := storable_problem(example.config):
        raise BadInput(f"the config of a trial {problem}")
    return NewStudy(
        name=_name(store, request.name, task),
        task=task,
        space=to_json(space.varied),
        metric=metric,
        direction=direction,
        trials=trials,
        jobs=request.jobs,
        sampler=sampler,
        pruner=pruner,
        seed=secrets.randbelow(_SEEDS) if request.seed is None else request.seed,
    )


def example_of(space: Space, task: NewTask) -> NewTask:
    """A task as a trial might have it: the first choices, and the lower ends of ranges."""
    firsts = {key: d.low if isinstance(d, Range) else d.values[0] for key, d in space.varied.items()}
    return with_params(task, firsts)


def require_fitting_trials(plugin: Plugin, space: Space, task: NewTask) -> None:
    """BadInput where the plugin's schema of configs refuses a choice of the space, or an end of a range."""
    example = example_of(space, task)
    require_fitting(plugin, task.type, example.config)
    for key, values in space.varied.items():
        for value in (values.low, values.high) if isinstance(values, Range) else values.values:
            require_fitting(plugin, task.type, with_params(example, {key: value}).config)


def find_study(store: Store, reference: str) -> Study:
    """By id or name. NotFound."""
    number = read_number(reference)
    if number is not None:
        try:
            return store.studies.get(number)
        except NotFound:
            pass  # a name may look like a number
    return store.studies.find(reference)


def require_parts(store: Store, study: Study) -> None:
    """Conflict when something that its tasks need was deleted for good; the trash gives it back."""
    nouns: tuple[tuple[Noun, int | None], ...] = (
        ("plugin", study.task.plugin_id),
        ("project", study.task.project_id),
        ("model", study.task.model_id),
    )
    for noun, id_ in nouns:
        if id_ is None:
            continue
        try:
            shelf(store, noun).get_anywhere(id_)
        except NotFound:
            raise Conflict(
                f"study {study.id} cannot go on: its {noun} {id_} was deleted; `agent tune` starts a new study"
            ) from None


def more_trials(study: Study, trials: int | None) -> int:
    """How many trials a resumed study is to have in the end. BadInput when it has, or can have, no more."""
    if trials is None:
        return study.trials
    _require_within(trials, "trials", MOST_TRIALS)
    if trials < study.trials:
        raise BadInput(f"study {study.id} has {study.trials} trials already; --trials may only raise that number")
    most = most_trials(study)
    if trials > most:
        raise BadInput(f"study {study.id} is a grid of {most} combinations; give --trials {most} or fewer")
    return trials


def most_trials(study: Study) -> int:
    """How many trials the study may come to have: a grid tries each combination once, also one that was cut."""
    if study.sampler != "grid":
        return MOST_TRIALS
    return Space(from_json(study.space), ()).combinations or study.trials


def _goal(request: StudyRequest) -> tuple[str | None, str | None]:
    if request.maximize is not None and request.minimize is not None:
        raise BadInput("give --maximize or --minimize, not both: a study has one metric")
    for option, text in (("maximize", request.maximize), ("minimize", request.minimize)):
        if text is not None:
            try:
                read_metric(text)
            except BadInput as error:
                raise BadInput(f"--{option} {error}") from None
            return text, option
    return None, None


def _choice(text: str | None, known: Sequence[str], option: str) -> str | None:
    if text is not None and text not in known:
        raise BadInput(f"--{option} {text!r} is unknown; choose one of: {', '.join(known)}")
    return text


def _trials(asked: int | None, sampler: str, space: Space, *, is_compared: bool) -> int:
    if asked is not None:
        _require_within(asked, "trials", MOST_TRIALS)
    if sampler != "grid":
        return asked or TRIALS
    combinations = space.combinations
    if combinations is None:
        key, dimension = next((key, d) for key, d in space.varied.items() if not isinstance(d, Choices))
        raise BadInput(
            f"a grid tries every combination, but {key}={dimension} is a range; write choices, for instance "
            f"--set {key}=0.1,0.01, or "
            + ("choose --sampler tpe" if is_compared else "add --maximize val.NAME or --minimize val.NAME")
        )
    if combinations > MOST_TRIALS:
        raise BadInput(
            f"a grid of these choices has more than {MOST_TRIALS:,} combinations; leave out some of them, or "
            + ("choose --sampler tpe" if is_compared else "add --maximize val.NAME or --minimize val.NAME")
        )
    return min(asked or combinations, combinations)


def _require_within(number: int, option: str, most: int, *, least: int = 1) -> None:
    if not least <= number <= most:
        raise BadInput(f"--{option} {number} is not between {least} and {most:,}; give a number that is")


def _name(store: Store, asked: str | None, task: NewTask) -> str:
    """The name asked for, or one that no study has."""
    if asked is not None:
        check_name(asked.strip())
        return asked.strip()
    for number in count(1):
        name = f"{task.name} study" if number == 1 else f"{task.name} study {number}"
        try:
            store.studies.find(name)
        except NotFound:
            check_name(name)
            return name
    raise AssertionError
