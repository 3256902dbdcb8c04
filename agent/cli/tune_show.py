"""Studies in a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from agent.cli import show
from agent.cli.installation import open_installation
from agent.tuning.decisions import TrialState
from agent.tuning.extra import require_optuna
from agent.tuning.request import find_study

if TYPE_CHECKING:
    from agent.tuning.overview import StudyView, TrialView
    from agent.tuning.search import Importance


def list_studies(limit: int, *, as_json: bool) -> None:
    with open_installation() as installation:
        studies = installation.store.studies.list(limit=limit)
        if studies:
            require_optuna()
        views = []
        for study in studies:
            from agent.tuning.overview import view  # late: it loads Optuna

            views.append(view(installation.store, study)[0])
    if as_json:
        show.as_json([{**summary(found), "trials": len(found.trials)} for found in views])
        return
    rows = (
        (
            v.study.id, v.study.name, state_of(v), f"{ended(v)} of {v.study.trials}", goal(v),
            show.number(v.best.value) if v.best else "", task_of(v.best) if v.best else "",
        )
        for v in views
    )  # fmt: skip
    columns = ("ID", "NAME", "STATE", "TRIALS", "METRIC", "BEST", "TASK")
    show.table(columns, rows, empty="No studies yet; start one with `agent tune`.")


def show_study(reference: str, *, as_json: bool) -> None:
    require_optuna()
    from agent.tuning.overview import view

    with open_installation() as installation:
        found, search = view(installation.store, find_study(installation.store, reference))
        importance = search.importance()
    if as_json:
        show.as_json(whole(found, importance))
        return
    study, shares = found.study, (importance.shares or {}).items()
    rows: list[tuple[str, object]] = [
        ("study", f"{study.name} ({study.id})"),
        ("state", state_of(found)),
        ("trials", counts(found)),
        ("metric", goal(found)),
        ("sampler", f"{study.sampler}, pruner {study.pruner}, seed {study.seed}, {study.jobs} at once"),
        ("best", f"trial {found.best.number}: {words_of(found.best, found)}" if found.best else None),
        ("importance", "  ".join(f"{key} {share:.0%}" for key, share in shares) or importance.missing),
    ]
    show.table(("", ""), [row for row in rows if row[1] is not None], empty="")
    show.out.print()
    keys = list(study.space)
    cells = (
        (
            trial.number, trial.state.value, show.number(trial.value) if trial.value is not None else "",
            *(value_text(trial.params.get(key)) for key in keys), task_of(trial),
            show.duration(trial.started_at, trial.finished_at), trial.sentence,
        )
        for trial in found.trials
    )  # fmt: skip
    columns = ("TRIAL", "STATE", "VALUE", *keys, "TASK", "TOOK", "WHY")
    show.table(columns, cells, empty="No trials yet.")
    if found.is_interrupted:
        show.err.print(how_to_go_on(study.id), markup=False)


def how_to_go_on(study_id: int, *, by_agent: bool = False) -> str:
    """`by_agent`: an agent that takes tasks from the queue lives, and has the study from now on."""
    if by_agent:
        return (
            f"an agent goes on with study {study_id}; `agent tune resume {study_id}` follows it again, "
            f"`agent tune stop {study_id}` ends it"
        )
    return f"`agent tune resume {study_id}` goes on with study {study_id}, `agent tune stop {study_id}` ends it"


def state_of(found: StudyView) -> str:
    return "interrupted" if found.is_interrupted else found.study.state.value


def goal(found: StudyView) -> str:
    return f"{found.study.metric} {found.study.direction}" if found.study.metric else ""


def ended(found: StudyView) -> int:
    return sum(found.count(state) for state in TrialState if state is not TrialState.RUNNING)


def counts(found: StudyView) -> str:
    """`12 of 30 have ended, 2 pruned, 1 failed`"""
    poor = [(found.count(state), state.value) for state in (TrialState.PRUNED, TrialState.FAILED)]
    words = [f"{number} {state}" for number, state in poor if number]
    return ", ".join([f"{ended(found)} of {found.study.trials} have ended", *words])


def words_of(trial: TrialView, found: StudyView) -> str:
    """`val.mean_iou 0.81  lr 0.01  epochs 5  (task 7)`"""
    value = [f"{found.study.metric} {show.number(trial.value)}"] if trial.value is not None else []
    params = [f"{key} {value_text(given)}" for key, given in trial.params.items()]
    return "  ".join([*value, *params, f"(task {task_of(trial)})"])


def task_of(trial: TrialView) -> str:
    """`7`, `7 deleted` in the trash, `deleted` for good"""
    return " ".join(
        [*([str(trial.task_id)] if trial.task_id is not None else []), *["deleted"] * trial.is_task_deleted]
    )


def value_text(value: Any) -> str:
    if isinstance(value, float):
        return show.number(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def summary(found: StudyView) -> dict[str, Any]:
    """A study without its trials, as an object for JSON."""
    study = found.study
    names = ("id", "name", "metric", "direction", "jobs", "sampler", "pruner", "seed", "space", "created_at")
    return {
        **{name: getattr(study, name) for name in names},
        "state": study.state.value,
        "is_interrupted": found.is_interrupted,
        "trials_wanted": study.trials,
        "counts": {state.value: found.count(state) for state in TrialState},
        "best": found.best,
    }


def whole(found: StudyView, importance: Importance) -> dict[str, Any]:
    told = {"importance": importance.shares, "no_importance": importance.missing or None}
    return {**summary(found), **told, "task": found.study.task, "trials": found.trials}
