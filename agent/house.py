"""What every task and command needs around it: the two doors, the settings, a way to get an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.artifacts import Artifacts
    from agent.engines import Engine
    from agent.settings import Settings
    from agent.store import Store


def _open_engine(name: str, settings: Settings) -> Engine:
    from agent.engines.open import open_engine  # late: most commands need no engine, and its client is slow to import

    return open_engine(name, settings)


@dataclass(frozen=True, slots=True)
class House:
    """Open and shared by everything in one process. `open_engine(name, settings)` may be replaced in tests."""

    store: Store
    artifacts: Artifacts
    settings: Settings
    open_engine: Callable[[str, Settings], Engine] = _open_engine
