"""A plugin that runs, or ran, as a process: its folder of state, written by `shim.py`, read here."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from agent.domain import ExitResult
from agent.engines import Frame, task_of
from agent.engines.frames import FrameParser
from agent.engines.usage import Usage, usage_of_processes
from agent.engines.waking import LOOK_AGAIN_S, woken_by_changes
from agent.fs.disk import remove_tree

READ_BYTES = 1 << 20
RUN_VARIABLE = "SLY_RUN_ID"  # in the environment of everything a run starts
KILL_S = 15.0  # for the watcher to end every process; then they are killed from here


class ProcessContainer:
    trouble = ""  # this engine is always there

    def __init__(self, state: Path, labels: Mapping[str, str], name: str = "") -> None:
        self._state = state
        self.labels = labels
        self.name = name

    @property
    def id(self) -> str:
        return self._state.name

    @property
    def task_id(self) -> int | None:
        return task_of(self.labels)

    @property
    def was_started(self) -> bool:
        """Whether the start was completed: the watcher writes its process id as the last step of it."""
        return (self._state / "pid").exists() or self._is_watched()

    def is_over(self) -> bool:
        return self._ended()

    def output(self) -> Iterator[Sequence[Frame]]:
        """As `engines.Container.output`, from the file that the watcher writes; its changes wake the reader."""
        try:
            file = (self._state / "output").open("rb", buffering=0)
        except FileNotFoundError:  # removed
            return
        parser = FrameParser()
        with file, woken_by_changes(self._state) as changed:
            while True:
                changed.clear()
                ended = self._ended()  # asked before reading, so that the last bytes are read
                while data := file.read(READ_BYTES):
                    if frames := parser.feed(data):
                        yield frames
                if ended:
                    return
                if not changed.wait(LOOK_AGAIN_S):
                    yield ()

    def usage(self, *, with_pids: bool = False) -> Usage | None:  # noqa: ARG002 - they cost nothing here
        """As `engines.Container.usage`, over the processes below the watcher."""
        watcher = self._watcher()
        if watcher is None:
            return None
        with suppress(psutil.Error):
            return usage_of_processes(watcher.children(recursive=True))
        return None

    def wait(self) -> ExitResult:
        if not self._ended():
            with woken_by_changes(self._state) as changed:
                while not self._ended():
                    changed.wait(LOOK_AGAIN_S)
                    changed.clear()
        try:
            told = json.loads((self._state / "exit.json").read_bytes())
        except (OSError, ValueError):
            self._end_orphans()
            return ExitResult(137, error="the plugin was killed together with the process that watched it")
        return ExitResult(told["exit_code"], told["out_of_memory"], told["error"])

    def kill(self, grace_s: float = 0.0) -> None:
        watcher = self._awaited_watcher()
        if watcher is None:
            self._end_orphans()
            return
        with suppress(psutil.NoSuchProcess):
            if grace_s > 0:
                watcher.send_signal(signal.SIGUSR1)
                if _ends(watcher, grace_s):
                    return
            watcher.send_signal(signal.SIGTERM)
            if _ends(watcher, KILL_S):
                return
            for process in (watcher, *watcher.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def _end_orphans(self) -> None:
        """Kill the processes that a killed watcher left behind: those that inherited this run's variable."""
        if (self._state / "exit.json").exists() or not self._state.exists():
            return
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(RUN_VARIABLE) == self.id:
                    process.kill()

    def remove(self) -> None:
        self.kill()
        removed = self._state.with_suffix(".removed")  # a folder removed in part is not found again, but swept
        with suppress(FileNotFoundError):
            self._state.rename(removed)
        remove_tree(removed)

    def _ended(self) -> bool:
        return (self._state / "exit.json").exists() or not self._is_watched()

    def _is_watched(self) -> bool:
        """Whether the watcher lives: it holds a lock as long. A process id alone may belong to another process."""
        try:
            lock = os.open(self._state / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _awaited_watcher(self) -> psutil.Process | None:
        """The watcher, also one that has just begun and says in a moment which process it is, or ends."""
        deadline = time.monotonic() + KILL_S
        while (watcher := self._watcher()) is None and self._is_watched() and time.monotonic() < deadline:
            time.sleep(0.01)
        return watcher

    def _watcher(self) -> psutil.Process | None:
        if not self._is_watched():
            return None
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int((self._state / "pid").read_text()))
            return process if self._is_watched() else None
        return None


def _ends(process: psutil.Process, within_s: float) -> bool:
    """Wait for the end of a process. It has ended also where the first process of the machine takes no note of it."""
    deadline = time.monotonic() + within_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True
