"""Optuna's storage in our database: its journal, entry by entry, with the entry's number as key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optuna.storages.journal import BaseJournalBackend

from agent.errors import Conflict

if TYPE_CHECKING:
    from agent.store import NewTrial, Store


class StoreJournal(BaseJournalBackend):
    """The journal of one study. Without a `controller` it can only be read."""

    def __init__(self, store: Store, study_id: int, controller: str | None) -> None:
        self._store = store
        self._study_id = study_id
        self._controller = controller
        self._known = 0  # committed entries
        self._is_read = False
        self._waiting: list[dict[str, Any]] | None = None  # entries of the present batch
        self._trial: NewTrial | None = None  # of the present batch

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        waiting = self._waiting or []
        if self._is_read and self._controller is not None and log_number_from >= self._known:  # it alone appends
            return waiting[log_number_from - self._known :]
        committed = [json.loads(body) for body in self._store.studies.journal(self._study_id, log_number_from)]
        self._known = max(self._known, log_number_from + len(committed))
        self._is_read = True
        return [*committed, *waiting]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if self._waiting is not None:
            self._waiting += logs
        else:
            self._commit(logs)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Commit what the block appends at once: all of it, or nothing if the block or the commit fails.

        After a failure what Optuna keeps in memory is ahead of the journal: open the study anew.
        """
        self._waiting = []
        try:
            yield
            logs, trial = self._waiting, self._trial
        finally:
            self._waiting = self._trial = None
        if logs:
            self._commit(logs, trial)

    def add_task(self, trial: NewTrial) -> None:
        """Let the present batch, which asked for this trial, add its task as well."""
        self._trial = trial

    def _commit(self, logs: list[dict[str, Any]], trial: NewTrial | None = None) -> None:
        if self._controller is None:
            raise Conflict(f"Study {self._study_id} was opened for reading.")
        bodies = [json.dumps(log, separators=(",", ":")) for log in logs]
        self._store.studies.append(self._study_id, self._controller, self._known, bodies, trial=trial)
        self._known += len(logs)
