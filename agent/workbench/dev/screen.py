"""The terminal of the loop: what runs now, under the error of the run before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.fs.names import shown, visible

_CLEAR = "\x1b[2J\x1b[3J\x1b[H"
_RED, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_MOST_NAMES = 3


class Screen:
    """Writes with `write`; clears and colours where it `is_terminal`."""

    def __init__(self, write: Callable[[str], object], *, is_terminal: bool) -> None:
        self._write, self._is_terminal = write, is_terminal
        self._error: Sequence[str] = ()

    def begin(self, title: str, saved: Sequence[Path] = ()) -> None:
        """A new run: the last error stays on top until a run ends well."""
        if self._is_terminal:
            self._write(_CLEAR)
        if self._error:
            self._styled(_DIM, "the run before failed:")
            self._show_error()
        because = f"  saved {_names(saved)}" if saved else ""
        self._styled(_BOLD, f"{title}{because}")

    def line(self, text: str) -> None:
        self._write(f"  {visible(text)}\n")

    def note(self, text: str) -> None:
        self._styled(_DIM, f"  {visible(text)}")

    def fail(self, error: Sequence[str], *, was_said: bool = False) -> None:
        """The error is shown, unless it `was_said` by the run itself, and stays."""
        self._error = error
        if not was_said:
            self._show_error()

    def succeed(self) -> None:
        self._error = ()

    def _show_error(self) -> None:
        for text in self._error:
            self._styled(_RED, f"  {visible(text)}")

    def _styled(self, style: str, text: str) -> None:
        self._write(f"{style}{text}{_PLAIN}\n" if self._is_terminal else f"{text}\n")


def _names(saved: Sequence[Path]) -> str:
    names = ", ".join(shown(path.as_posix()) for path in saved[:_MOST_NAMES])
    return names + (f" and {len(saved) - _MOST_NAMES} more" if len(saved) > _MOST_NAMES else "")
