"""Waiting for a store that does not answer: calls are made again until it does, or until this agent is to end.

The restart of a database server, a cut network, another process that holds the file: none of them says anything about
a task. A call that is made again may have been committed before, its answer lost with the connection. So every change
that a patient caller makes has to be one that the store takes twice and makes once (docs/reference/store.md).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from inspect import isgenerator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agent.errors import StoreBusy

if TYPE_CHECKING:
    from agent.store import Store

PAUSE_S = 0.1  # before a call is made again; doubled each time ...
PAUSE_LIMIT_S = 2.0  # ... up to this: so late a store that is back is noticed

T = TypeVar("T")


def pauses(first_s: float = PAUSE_S, limit_s: float = PAUSE_LIMIT_S) -> Iterator[float]:
    """Growing pauses, in seconds, with jitter: many that wait for the same do not come back at once."""
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.5, 1)  # noqa: S311 - no secret
        pause_s = min(pause_s * 2, limit_s)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


class Patience:
    """How calls wait. `wait(seconds)` returns early, and says so, when waiting is to end: `Shutdown.wait`."""

    def __init__(self, wait: Callable[[float], bool] = _sleep) -> None:
        self._wait = wait

    def wait(self, seconds: float) -> bool:
        """Wait so long; whether waiting is to end."""
        return self._wait(seconds)

    def call(self, store: Store, ask: Callable[[], T], *, limit_s: float = float("inf")) -> T:
        """What `ask` answers; it asks this store. Raises its StoreBusy at the limit and when waiting is to end."""
        deadline = time.monotonic() + limit_s
        for pause_s in pauses():
            try:
                answer = ask()
            except StoreBusy as busy:
                store.outage.noticed(busy)
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._wait(min(pause_s, left_s)):
                    raise
            else:
                store.outage.ended()
                return answer
        raise AssertionError("pauses never end")

    def of(self, store: Store) -> Store:
        """The store, with calls that wait."""
        return cast("Store", _Patient(store, store, self))


class _Patient:
    """The store or one of its nouns: each method of a noun is called again while the store does not answer.

    The store's own methods do not ask the database, as `wait_for_change`, or are not for runs.
    """

    def __init__(self, inner: Any, store: Store, patience: Patience) -> None:
        self._inner, self._store, self._patience = inner, store, patience

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if self._inner is not self._store:
            return partial(self._ask, found) if callable(found) else found
        is_noun = not callable(found) and not isinstance(found, str) and name != "outage"
        return _Patient(found, self._store, self._patience) if is_noun else found

    def _ask(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        ask = partial(method, *args, **named)
        answer = self._patience.call(self._store, ask)
        return self._each(answer, ask) if isgenerator(answer) else answer

    def _each(self, items: Iterator[T], begin: Callable[[], Iterator[T]]) -> Iterator[T]:
        """The items, begun again behind those that it has given: the store's lists grow at their end only."""
        given, end = 0, object()

        def following() -> object:
            nonlocal items
            try:
                return next(items, end)
            except StoreBusy:
                items = islice(begin(), given, None)
                raise

        while (item := self._patience.call(self._store, following)) is not end:
            given += 1
            yield cast("T", item)
