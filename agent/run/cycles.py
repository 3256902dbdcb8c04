"""Python's search for circles among objects, made rare while lines are read.

The search begins after every 700 new objects, and looks at all that were made lately. What the log loop makes, a
hundred thousand lines a second, holds no circles: the search took a third of its time and found nothing. Objects are
freed all the same when nobody refers to them; only circles wait longer.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000  # between two searches: some megabytes, if all of them were circles

_lock = threading.Lock()
_readers = 0
_before = gc.get_threshold()


@contextmanager
def rare_searches() -> Iterator[None]:
    """While the block runs, in this thread and all others. Blocks may overlap: tasks run in parallel."""
    global _readers, _before  # noqa: PLW0603  the threshold is the process's, too
    with _lock:
        if not _readers:
            _before = gc.get_threshold()
            gc.set_threshold(NEW_OBJECTS, *_before[1:])
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if not _readers:
                gc.set_threshold(*_before)
