"""Processes that `agent up` starts and watches. None of them ends another.

A child that dies is started again, after pauses that grow. Between parent and child lies a pair of sockets: by it the
child is told that it may begin, says that it is ready, and learns that its parent has died, even of SIGKILL.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from agent.cli import INTERRUPTED
from agent.cli.streams import end_at_once

PAUSE_S = 1.0  # before a child is started again; doubled each time ...
PAUSE_LIMIT_S = 60.0  # ... up to this, and back to the first once it has lived so long
END_S = 20.0  # a child that need not bring tasks to an end is killed so long after it was told to end

_READY, _BEGIN = b"r", b"b"

log = logging.getLogger("agent.up")


@dataclass
class Child:
    """A command of ours in a process of its own; `name` says what it is, in messages."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    pass_fds: Sequence[int] = ()
    may_be_killed: bool = False  # when it does not end; an agent takes as long as its tasks need
    ends_all: bool = False  # when it ends well, somebody has told it to: then all of `agent up` ends
    process: subprocess.Popen[bytes] | None = None
    line: socket.socket | None = None
    started_at: float = 0.0
    pause_s: float = PAUSE_S
    due: float = field(default=0.0)  # time.monotonic() of its next start, while there is no process

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", *self.command, "--parent-fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=self.env,
                pass_fds=(theirs.fileno(), *self.pass_fds),
                process_group=0,  # Ctrl-C reaches the parent alone, which tells each child once
            )
        self.line, self.started_at = ours, time.monotonic()

    def begin(self) -> None:
        """Let it do more than load itself."""
        assert self.line is not None
        with suppress(OSError):  # it has ended
            self.line.send(_BEGIN)

    def settle(self) -> int | None:
        """Its exit code, once, when it has ended."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        assert self.line is not None
        self.line.close()
        self.process = self.line = None
        if time.monotonic() - self.started_at >= PAUSE_LIMIT_S:
            self.pause_s = PAUSE_S
        self.due = time.monotonic() + self.pause_s
        return code

    def tell(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)


class Signals:
    """SIGINT, SIGTERM and SIGCHLD as bytes to read: no code of ours runs inside a handler."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def __enter__(self) -> Signals:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        self._before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    def wait(self, timeout_s: float | None, also: Sequence[socket.socket] = ()) -> list[int]:
        """The signals that have come, at the first of them, when one of `also` can be read, or after the timeout."""
        select.select([self._read, *also], [], [], timeout_s)
        with suppress(BlockingIOError):
            return [number for number in self._read.recv(4096) if number != signal.SIGCHLD]
        return []


def watch(children: Sequence[Child], signals: Signals) -> int:
    """Start the children; each begins when the one before is ready. Keep them running until told to end.

    They load themselves side by side, which is most of the time that they take to be ready.

    Gives the exit code: 0, or that of a child whose very first start failed.
    """
    for child in children:
        child.start()
    for child in children:
        child.begin()
        told, code = _until_ready(child, signals)
        if told or code is not None:
            end(children, told or signal.SIGTERM, signals)
            return 0 if told else _exit_code(code or 0)
    while True:
        due = [child.due for child in children if child.process is None]
        told_now = signals.wait(max(0.0, min(due) - time.monotonic()) if due else None)
        for child in children:
            code = child.settle()
            if code is None:
                continue
            if code == 0 and child.ends_all:
                log.info("%s was told to end, so everything ends", child.name)
                told_now.append(signal.SIGTERM)
            elif not told_now:
                log.error("%s %s; it is started again in %.0f s", child.name, _how_it_ended(code), child.pause_s)
        if told_now:
            end(children, told_now[0], signals)
            return 0
        for child in children:
            if child.process is None and time.monotonic() >= child.due:
                child.start()
                child.begin()
                child.pause_s = min(child.pause_s * 2, PAUSE_LIMIT_S)


def end(children: Sequence[Child], number: int, signals: Signals) -> None:
    """Tell all children by that signal, and wait for their end. A second signal ends everything at once."""
    log.info("ending; running tasks go on")
    for child in children:
        child.tell(number)
    kill_at = time.monotonic() + END_S
    while [child for child in children if child.process is not None]:
        waits = [child for child in children if child.process is not None and child.may_be_killed]
        told = signals.wait(max(0.0, kill_at - time.monotonic()) if waits else None)
        if told:
            for child in children:
                child.tell(told[0])
            end_at_once(INTERRUPTED, "interrupted again, so everything ends at once; running tasks go on")
        for child in children:
            if child.may_be_killed and child.process is not None and time.monotonic() >= kill_at:
                child.tell(signal.SIGKILL)
                child.process.wait()
            child.settle()


def _until_ready(child: Child, signals: Signals) -> tuple[int, int | None]:
    """(a signal that came meanwhile, or 0; the exit code when the child has ended before it was ready)."""
    assert child.line is not None
    while True:
        told = signals.wait(None, [child.line])
        if told:
            return told[0], None
        with suppress(BlockingIOError):
            if _word(child.line) == _READY:
                return 0, None
            assert child.process is not None
            child.process.wait()  # its end of the line is closed
        if (code := child.settle()) is not None:
            return 0, code


def _word(line: socket.socket) -> bytes:
    """What the child has said; empty when it has ended. Raises BlockingIOError when it has said nothing."""
    try:
        return line.recv(1, socket.MSG_DONTWAIT)
    except ConnectionResetError:  # it has not read what it was told
        return b""


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code  # as shells say it


def _how_it_ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


# ---------------------------------------------------------------- the child's side


def wait_to_begin(descriptor: int | None) -> None:
    """Wait until the parent says that this process may begin, or has died. Without a descriptor there is no parent."""
    if descriptor is not None:
        with socket.socket(fileno=os.dup(descriptor)) as line, suppress(OSError):
            line.recv(1)


@contextmanager
def parent_watched(descriptor: int | None) -> Iterator[Callable[[], None]]:
    """End this process by SIGTERM when the parent has died. Gives a function to say that it is ready.

    Without a descriptor there is no parent of ours, and nothing happens.
    """
    if descriptor is None:
        yield lambda: None
        return
    line = socket.socket(fileno=descriptor)
    line.set_inheritable(False)

    def wait_for_end() -> None:
        with suppress(OSError):
            while line.recv(1):  # that this process may begin: it did not wait for it
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    def say_ready() -> None:
        with suppress(OSError):
            line.send(_READY)

    threading.Thread(target=wait_for_end, name="parent-watch", daemon=True).start()
    yield say_ready
