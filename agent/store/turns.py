"""Writers of one SQLite file take turns in the order in which they ask, over all processes of a machine.

SQLite has one writer, and makes the others ask again and again, with pauses of up to a tenth of a second: of a hundred
agents some would wait for seconds while others come twice. So a writer first waits for its turn at a lock of the kernel
(`flock`), which lets waiting processes through one by one. The turn protects nothing: SQLite's own lock does, also from
programs that know of no turns.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path


class Turns:
    """The turns of one process. One thread at a time may ask for one, or have it."""

    def __init__(self, path: Path) -> None:
        """`path`: a file beside the database. OSError where it cannot be read."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._asking: _Asking | None = None
        self._closed = False

    def take(self, timeout_s: float) -> bool:
        """Wait for a turn; whether it came within the time. Who has it gives it back."""
        with self._lock:
            if self._asking is None:
                if self._is_free():
                    return True
                self._asking = _Asking()
                threading.Thread(target=self._ask, args=(self._asking,), name="store-turn", daemon=True).start()
            asking = self._asking
            asking.is_wanted = True
        try:
            asking.came.wait(timeout_s)
        finally:
            with self._lock:
                if came := asking.came.is_set():
                    self._asking = None
                asking.is_wanted = False
        return came

    def give_back(self) -> None:
        with self._lock:
            self._let_go()

    def close(self) -> None:
        """Gives a turn back, too."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._fd)

    def _is_free(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without such locks
            return True
        return True

    def _let_go(self) -> None:
        if not self._closed:
            with suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _ask(self, asking: _Asking) -> None:
        """Wait in the kernel, which knows no time limit. A turn that nobody wants any more is given back."""
        with suppress(OSError):  # closed meanwhile
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        with self._lock:
            if asking.is_wanted:
                asking.came.set()
            else:
                self._let_go()
                self._asking = None


class _Asking:
    __slots__ = ("came", "is_wanted")

    def __init__(self) -> None:
        self.came = threading.Event()
        self.is_wanted = True
