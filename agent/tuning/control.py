"""Who controls a study: one process at a time, found by its process or its lease."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.errors import AgentError, Conflict
from agent.liveness import process_runs, this_process

if TYPE_CHECKING:
    from agent.store import Store, Study

LEASE_S = 30.0
BEAT_S = 5.0  # a lease survives five missed beats

log = logging.getLogger("agent")


def is_controlled(study: Study) -> bool:
    """Whether a controller lives: its process where that can be asked from here, else by its lease.

    An agent outlives the thread that controls a study, so that both count of it.
    """
    if study.controller is None or study.lease_until is None:
        return False
    has_lease = datetime.now(UTC) < study.lease_until
    runs = process_runs(study.controller_info)
    return has_lease if runs is None or (runs and study.controller_info.get("yields")) else runs


@contextmanager
def controlling(store: Store, study_id: int, *, yields: bool = False) -> Iterator[str]:
    """Be the study's only controller while the block runs; gives the name to act by. Conflict when another lives.

    One that `yields` gives way to one that does not, as agents do to `agent tune`. It notices at its next turn. Until
    then it can do no harm, for the journal takes entries of the present controller only.
    """
    controller = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"
    info = {**this_process(), "yields": yields}
    while True:  # an agent may come between a look and the next
        study = store.studies.get(study_id)
        if is_controlled(study) and (yields or not study.controller_info.get("yields")):
            pid = study.controller_info.get("pid")
            raise Conflict(
                f"study {study_id} is run by another process{f' ({pid})' if pid else ''} already; "
                f"`agent tune show {study_id}` shows how it goes, `agent tune stop {study_id}` stops it"
            )
        if store.studies.control(study_id, controller, info, LEASE_S, instead_of=study.controller):
            break
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_S):
            try:
                store.studies.renew(study_id, controller, LEASE_S)
            except Conflict:
                return  # it was taken; the next turn says so
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
