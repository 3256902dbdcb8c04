"""Run a function at the Nth instant of a run: just before the Nth call of the run to its store or engine."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from agent.engines import Engine
from agent.store import Store
from tests.support.fake_engine import FakeContainer

NOUNS = (
    "agents",
    "checkpoints",
    "events",
    "metrics",
    "models",
    "placements",
    "plugins",
    "progress",
    "projects",
    "studies",
    "tasks",
)


class Instants:
    """Counts the calls whose names match, and runs `act` just before call `at`.

    The call raises the exception of `act`.
    """

    def __init__(self, at: int = 0, act: Callable[[], object] = lambda: None, match: str = "") -> None:
        self.calls: list[str] = []
        self._at = at
        self._act = act
        self._match = re.compile(match)
        self._lock = threading.Lock()

    def store(self, store: Store) -> Any:
        return _Watched(store, self, "", dict.fromkeys(NOUNS, ""))

    def engine(self, engine: Engine) -> Any:
        return _Watched(engine, self, "engine.")

    def cluster(self, cluster: object) -> Any:
        return _Watched(cluster, self, "cluster.")

    def passing(self, name: str) -> None:
        if not self._match.match(name):
            return
        with self._lock:
            self.calls.append(name)
            is_now = len(self.calls) == self._at
        if is_now:
            self._act()


class _Watched:
    """A proxy of an object that reports each call of a method before it passes the call on."""

    def __init__(self, inner: Any, instants: Instants, prefix: str, parts: dict[str, str] | None = None) -> None:
        self._inner = inner
        self._instants = instants
        self._prefix = prefix
        self._parts = parts or {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name in self._parts:
            return _Watched(value, self._instants, f"{name}.")
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._instants.passing(self._prefix + name)
            return self._watch(value(*args, **kwargs))

        return call

    def _watch(self, made: Any) -> Any:
        if isinstance(made, FakeContainer):
            return _Watched(made, self._instants, "container.")
        return [self._watch(item) for item in made] if isinstance(made, list) else made
