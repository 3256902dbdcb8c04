"""Who controls a study: one process at a time, found by its process, else by its heartbeat."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from agent.controllers import has_died, held
from agent.errors import Conflict
from agent.liveness import SEEN_WITHIN, process_runs, this_process

if TYPE_CHECKING:
    from agent.store import Store, Study


log = logging.getLogger("agent")


def is_controlled(study: Study) -> bool:
    """Whether a controller lives: its process where that can be asked from here, else a beat in the last minute.

    An agent outlives the thread that controls a study, so that both count of it.
    """
    if study.controller is None or study.unseen_for is None:
        return False
    beats = study.unseen_for < SEEN_WITHIN
    runs = process_runs(study.controller_info)
    return beats if runs is None or (runs and study.controller_info.get("yields")) else runs


def _may_be_taken(store: Store, study: Study, *, yields: bool) -> bool:
    """Whether no controller lives that is not to be replaced. One that cannot be asked is watched, unless we yield."""
    if study.controller is None or study.seen_at is None:
        return True
    if yields:  # while the store was away nobody could beat
        return not is_controlled(study) and not store.outage.was_within(SEEN_WITHIN.total_seconds())

    def look() -> tuple[str | None, datetime | None]:
        now = store.studies.get(study.id)
        return now.controller, now.seen_at

    return bool(study.controller_info.get("yields")) or has_died(study.controller, study.controller_info, look)


@contextmanager
def controlling(store: Store, study_id: int, *, yields: bool = False) -> Iterator[str]:
    """Be the study's only controller while the block runs; gives the name to act by. Conflict when another lives.

    One that `yields` gives way to one that does not, as agents do to `agent tune`. It notices at its next turn. Until
    then it can do no harm, for the journal takes entries of the present controller only. One that does not yield waits
    for the length of a lease where another machine had the controller and it is not known to have ended.
    """
    controller = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"
    info = {**this_process(), "yields": yields}
    while True:  # an agent may come between a look and the next
        study = store.studies.get(study_id)
        if not _may_be_taken(store, study, yields=yields):
            pid = study.controller_info.get("pid")
            raise Conflict(
                f"study {study_id} is run by another process{f' ({pid})' if pid else ''} already; "
                f"`agent tune show {study_id}` shows how it goes, `agent tune stop {study_id}` stops it"
            )
        if store.studies.control(study_id, controller, info, instead_of=study.controller):
            break
    with held(
        f"study {study_id}",
        partial(store.studies.beat, study_id, controller),
        partial(store.studies.release, study_id, controller),
    ):
        yield controller
