"""Output that comes all at once at the end of a long run: its program keeps lines in a buffer. Pure.

Every line is there, so nothing is lost; but no curve grows while the task runs, and checkpoints are secured at its end.
"""

from __future__ import annotations

from collections import deque

from agent.events.near_texts import Kind, NearMiss

_MOMENT_US = 1_000_000
_LONG_US = 20_000_000  # a shorter run may have little to say before its end
_FEWEST = 20  # lines
_SHARE = 0.9  # of all lines
_STEP_US = 100_000  # lines received within such a step are counted together, which bounds the memory


class LateOutput:
    """Counts the lines of a run as they are received."""

    def __init__(self, started_us: int) -> None:
        self._started_us = started_us
        self._lines = 0
        self._moment: deque[tuple[int, int]] = deque()  # time and lines, of the last second of output

    def take(self, lines: int, time_us: int) -> None:
        if not lines:
            return
        self._lines += lines
        if self._moment and time_us - self._moment[-1][0] < _STEP_US:
            lines += self._moment.pop()[1]
        self._moment.append((time_us, lines))
        while time_us - self._moment[0][0] > _MOMENT_US:
            self._moment.popleft()

    def found(self, ended_us: int) -> tuple[int, NearMiss] | None:
        """How many lines came late, and what is said of them; None for output that came as it was printed."""
        late = sum(lines for _, lines in self._moment)
        seconds = (ended_us - self._started_us) // 1_000_000
        is_late = self._moment and ended_us - self._moment[-1][0] <= _MOMENT_US and late >= _SHARE * self._lines
        if not is_late or late < _FEWEST or ended_us - self._started_us < _LONG_US:
            return None
        nearly = f"live output, but {late} of {self._lines} lines came in the last second of a run of {seconds} s"
        change = (
            "Flush after each line: print(line, flush=True), fflush(stdout) in C, python -u for programs it starts."
        )
        return late, NearMiss(Kind.UNFLUSHED, nearly, change)
