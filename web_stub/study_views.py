"""Studies as REST and pages show them. Optuna, which reads them, is loaded by the first that is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from agent import store as stored
from agent.domain import NewTask
from agent.tuning.extra import require_optuna
from web_stub.resources.resource import Used
from web_stub.resources.studies import BegunStudy, Study, StudyCard, StudyList

_Whole = TypeVar("_Whole", bound=Study)


def study_list(store: stored.Store, limit: int, before_id: int | None = None) -> StudyList:
    """Newest first. Raises CouldNotStart without Optuna, unless there are no studies."""
    found = store.studies.list(limit=limit + 1, before_id=before_id)
    if not found:
        return StudyList(items=[], next=None)
    require_optuna()
    from agent.tuning.overview import view

    shown = found[:limit]
    cards = [StudyCard.of(view(store, study)[0]) for study in shown]
    return StudyList(items=cards, next=shown[-1].id if len(found) > limit else None)


def whole_study(store: stored.Store, study: stored.Study) -> Study:
    """Raises CouldNotStart without Optuna."""
    return _whole(Study, store, study)


def begun_study(store: stored.Store, study: stored.Study, notes: Iterable[str]) -> BegunStudy:
    """The answer to a request for a study; `notes` are about the request."""
    return _whole(BegunStudy, store, study, notes=list(notes))


def _whole(kind: type[_Whole], store: stored.Store, study: stored.Study, **given: Any) -> _Whole:
    require_optuna()
    from agent.tuning.overview import view

    found, search = view(store, study)
    return kind.whole(found, search.importance(), _used(store, study.task), **given)


def _used(store: stored.Store, task: NewTask) -> dict[str, Used]:
    """What the study works with, also where it was deleted since."""

    assert task.project_id is not None  # a training has one
    return {
        "plugin": Used.found(task.plugin_id, store.plugins.get_anywhere, "title"),
        "project": Used.found(task.project_id, store.projects.get_anywhere),
        "model": Used.found(task.model_id, store.models.get_anywhere),
    }
