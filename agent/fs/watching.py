"""Watching files for changes, by watchdog."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver


def new_observer() -> BaseObserver:
    """An observer, not started.

    watchdog calls it an error to be stopped in the middle of a read, and Python prints errors that nobody logs: in a
    command that logs nothing the user would read about it.
    """
    from watchdog.observers import Observer  # late: most commands watch nothing

    logging.getLogger("watchdog").setLevel(logging.CRITICAL)
    return Observer()
