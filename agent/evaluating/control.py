"""Who computes an evaluation: one process at a time, found by its process, else by its heartbeat."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from agent.controllers import held
from agent.errors import Conflict, StorageFailed
from agent.liveness import SEEN_WITHIN, process_runs, this_process

if TYPE_CHECKING:
    from agent.store import Evaluation, Store


class CountingFailed(StorageFailed):
    """The processes that count were killed, or the machine lacks what they need."""

    reason = "counting_failed"


def is_computed(evaluation: Evaluation) -> bool:
    """Whether the process that computes it lives: asked where that can be, else by a beat in the last minute.

    An agent outlives the thread that computes an evaluation, so that both count.
    """
    if evaluation.controller is None or evaluation.unseen_for is None:
        return False
    return process_runs(evaluation.controller_info) is not False and evaluation.unseen_for < SEEN_WITHIN


@contextmanager
def computing(store: Store, id_: int) -> Iterator[str]:
    """Be the only process that computes it while the block runs; gives the name to act by.

    Conflict when another lives, or it is over. NotFound.
    """
    controller = f"{os.getpid()}:{uuid.uuid4().hex[:8]}"
    evaluation = store.evaluations.get(id_)
    is_free = not evaluation.is_over and not is_computed(evaluation)
    if is_free and store.outage.was_within(SEEN_WITHIN.total_seconds()) and evaluation.controller is not None:
        is_free = process_runs(evaluation.controller_info) is False  # while the store was away nobody could beat
    info = this_process()
    if not is_free or not store.evaluations.control(id_, controller, info, instead_of=evaluation.controller):
        raise Conflict(f"Evaluation {id_} is computed by another process, or is over.")
    with held(
        f"evaluation {id_}",
        partial(store.evaluations.beat, id_, controller),
        partial(store.evaluations.release, id_, controller),
    ):
        yield controller
