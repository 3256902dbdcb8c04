"""Evaluations as REST and pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from agent import store as stored
from agent.checkpoint_evaluations import judged_checkpoints
from agent.domain import Provenance
from agent.errors import NotFound
from agent.library import validation_metrics
from agent.library.evaluated_images import SliceNames, slice_names
from agent.library.evaluations import is_outdated
from web_stub.resources import evaluations as shown
from web_stub.resources.resource import Used

if TYPE_CHECKING:
    from agent.domain import Project, Task
    from agent.store import Evaluation, Store


def evaluation_list(store: Store, found: list[Evaluation], limit: int) -> shown.EvaluationList:
    """Of one more than `limit`, where there is another page."""
    cards = _Cards(store).of(found[:limit])
    return shown.EvaluationList(items=cards, next=cards[-1].id if len(found) > limit else None)


def whole_evaluation(store: Store, evaluation: Evaluation) -> shown.Evaluation:
    results = store.evaluations.results(evaluation.id)
    plan = results.plan or {}
    is_done = evaluation.status is stored.EvaluationStatus.DONE and evaluation.key is not None
    names = slice_names(store, evaluation.key or "") if is_done else SliceNames([], [])
    return shown.Evaluation.of(
        evaluation,
        **_Cards(store).sides(evaluation),
        is_outdated=is_outdated(store, evaluation),
        classes=_classes(store, evaluation, plan),
        judged_tags=list(plan.get("tags", ())),
        neutral=list(plan.get("neutral", ())),
        remarks=list(results.remarks),
        figures=results.figures,
        datasets=_slice_names(names.datasets),
        tags=_slice_names(names.tags),
    )


def _slice_names(found: Sequence[tuple[str, int]]) -> list[shown.SliceName]:
    return [shown.SliceName(name=name, images=images) for name, images in found]


def judged_on(store: Store, training: Task, project: Project) -> shown.JudgedCheckpoints:
    cards = _Cards(store)
    return shown.JudgedCheckpoints(
        project=Used(id=project.id, name=project.name, is_deleted=project.deleted_at is not None),
        items=[
            shown.JudgedCheckpoint(
                checkpoint_index=one.checkpoint.index,
                epoch=one.epoch,
                is_best=one.checkpoint.is_best,
                own=validation_metrics(one.checkpoint),
                model=cards.model(one.checkpoint.model_id),
                task_id=one.inference.id if one.inference is not None else None,
                task_status=one.inference.status if one.inference is not None else None,
                evaluation=next(iter(cards.of([one.evaluation] if one.evaluation is not None else [])), None),
            )
            for one in judged_checkpoints(store, training, project.id)
        ],
    )


class _Cards:
    """Makes cards of evaluations; what several of them name is read once."""

    def __init__(self, store: Store) -> None:
        self._project = cache(store.projects.get_anywhere)
        self._model = cache(store.models.get_anywhere)

    def of(self, found: Iterable[Evaluation]) -> list[shown.EvaluationCard]:
        return [shown.EvaluationCard.of(one, **self.sides(one)) for one in found]

    def sides(self, evaluation: Evaluation) -> dict[str, Any]:
        return {
            "truth": Used.found(evaluation.truth_id, self._project),
            "predictions": Used.found(evaluation.predicted_id, self._project),
            "model": self._judged_model(evaluation.model_id),
            "headline": dict(evaluation.headline),
        }

    def model(self, id_: int | None) -> Used | None:
        return None if id_ is None else Used.found(id_, self._model)

    def _judged_model(self, id_: int | None) -> shown.JudgedModel | None:
        if id_ is None:
            return None
        origin = Provenance()
        with suppress(NotFound):
            origin = self._model(id_).provenance
        return shown.JudgedModel.found(
            id_,
            self._model,
            task_id=origin.task_id,
            checkpoint_index=origin.checkpoint_index,
            is_best=origin.is_best,
        )


def _classes(store: Store, evaluation: stored.Evaluation, plan: Mapping[str, Any]) -> list[shown.JudgedClass]:
    try:
        meta = store.projects.get_anywhere(evaluation.truth_id).meta
    except NotFound:
        meta = {}
    known = meta.get("classes")
    colors = (
        {one.get("title"): one.get("color") for one in known if isinstance(one, dict)}
        if isinstance(known, list)
        else {}
    )
    return [
        shown.JudgedClass(
            title=title,
            kind=kind,
            color=color if isinstance(color := colors.get(title), str) else None,
            truth=_titles(plan["truth"].items(), number),
            predicted=_titles(plan["predicted"].items(), number),
        )
        for number, (title, kind) in enumerate(zip(plan.get("classes", ()), plan.get("kinds", ()), strict=True))
    ]


def _titles(numbered: Iterable[tuple[str, int]], wanted: int) -> list[str]:
    return [title for title, number in numbered if number == wanted]
