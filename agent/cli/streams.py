"""The process's three standard streams, made fit for any terminal, pipe, file and locale.

Imports nothing but the standard library: it runs before anything else, so that whatever fails later can be said.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

STDOUT, STDERR = 1, 2


def require_utf8() -> None:
    """Run the command anew in Python's UTF-8 mode, where the locale has another encoding. Then this does not return.

    In such a locale Python reads and writes files, names and sockets in that encoding, and fails on all other
    characters. Only the terminal keeps the locale's encoding.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding().lower() in ("utf-8", "utf8"):
        return
    terminal = sys.stdout.encoding if sys.stdout is not None else "ascii"
    os.environ.setdefault("PYTHONIOENCODING", f"{terminal}:backslashreplace")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - ourselves


class Stream(io.RawIOBase):
    """A standard stream that can be lost. What is written afterwards is dropped, and `lost` says why.

    The command goes on: it has more to do than to print, and its exit code says how that went.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.lost: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        while self.lost is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # another program has made the terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


def open_streams() -> Stream:
    """Give the process its three standard streams; the one for results is given back.

    A closed descriptor becomes /dev/null: else the next file that is opened, the database perhaps, takes its number,
    and a library that writes to standard error writes into that file. Characters that the encoding lacks are spelled
    out.
    """
    while (free := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(free, True)
    os.close(free)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
    out, err = Stream(STDOUT), Stream(STDERR)
    sys.stdout, sys.stderr = _text(out, sys.stdout), _text(err, sys.stderr)
    return out


def _text(stream: Stream, before: TextIO | None) -> TextIO:
    encoding = before.encoding if before is not None else "utf-8"
    is_error = stream.fileno() == STDERR
    return io.TextIOWrapper(
        io.BufferedWriter(stream),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=is_error or stream.isatty(),
    )


def reader_has_left() -> bool:
    """Whether nobody reads the results any more: `agent task logs 3 | head`."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, Stream) and raw.lost is not None


def complaint(stream: Stream) -> str:
    """Why results were not written, in a sentence; empty where they were, or where their reader closed the pipe."""
    sys.stdout.flush()
    if stream.lost is None or stream.lost.errno == errno.EPIPE:
        return ""
    return f"the output could not be written ({stream.lost.strerror}); write it elsewhere"


def show_cursor() -> None:
    """Show the terminal's cursor again, which a progress bar may have hidden. Safe in a signal handler."""
    with suppress(OSError):
        if os.isatty(STDERR):
            os.write(STDERR, b"\x1b[?25h")


def end_at_once(code: int, said: str) -> NoReturn:
    """End the process without waiting for anything, with a sentence on standard error. Safe in a signal handler."""
    show_cursor()
    with suppress(OSError):
        line_end = "\r\n" if os.isatty(STDERR) else "\n"
        os.write(STDERR, f"{line_end}agent: {said}{line_end}".encode(errors="replace"))
    os._exit(code)
