"""Studies as REST and pages show them. Optuna, which reads them, is loaded by the first that is asked for."""

from __future__ import annotations

from agent import store as stored
from agent.tuning.extra import require_optuna
from web_stub.resources.studies import Study, StudyCard, StudyList


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
    require_optuna()
    from agent.tuning.overview import view

    found, search = view(store, study)
    return Study.whole(found, search.importance())
