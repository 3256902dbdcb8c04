"""The end of a study by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.store import StudyState

if TYPE_CHECKING:
    from agent.store import Store, Study


def stop(store: Store, study_id: int) -> Study:
    """No more trials; the tasks that have not ended are asked to stop. A study that has ended stays as it ended."""
    study = store.studies.stop(study_id)
    if study.state is StudyState.STOPPED:
        for task in store.studies.tasks(study_id).values():
            if not task.status.is_final:
                store.tasks.request_stop(task.id)
    return study
