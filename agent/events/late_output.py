"""Output that comes all at once at the end of a long run: its program keeps lines in a buffer. Pure.

Every line is there, so nothing is lost; but no curve grows while the task runs, and checkpoints are secured at its end.
A program may also have nothing to say before its end. So only lines that carry a time themselves are evidence: those of
a logger, when their own times are spread over the run and all of them were received in its last second.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import UTC, datetime

from agent.events.lines import Lines
from agent.events.model import Stream
from agent.events.near_texts import Kind, NearMiss

_MOMENT_US = 1_000_000
_LONG_US = 20_000_000  # a shorter run may have little to say before its end
_FEWEST = 20  # lines
_SHARE = 0.9  # of all lines
_SPREAD = 0.5  # of the run, between the first and the last time that lines carry
_STEP_US = 100_000  # lines received within such a step are counted together, which bounds the memory
_LOOKED_AT = 5  # lines at each end of what is received at once, for the time that they carry
_STAMP = re.compile(r'"timestamp"\s{0,9}:\s{0,9}"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)')


class LateOutput:
    """Counts the lines of a run as they are received."""

    def __init__(self, started_us: int) -> None:
        self._started_us = started_us
        self._lines = 0
        # Of the last second of output: when, how many lines, the first and the last time that they carry.
        self._moment: deque[tuple[int, int, list[int]]] = deque()

    def take(self, lines: Lines, time_us: int) -> None:
        """Count lines of standard output received at this time; errors come unbuffered in any case."""
        count = lines.streams.count(Stream.STDOUT)
        if not count:
            return
        self._lines += count
        stamps = _stamps(lines)
        if self._moment and time_us - self._moment[-1][0] < _STEP_US:
            _, earlier, known = self._moment.pop()
            count, stamps = count + earlier, _ends([*known, *stamps])
        self._moment.append((time_us, count, stamps))
        while time_us - self._moment[0][0] > _MOMENT_US:
            self._moment.popleft()

    def found(self, ended_us: int) -> tuple[int, NearMiss] | None:
        """How many lines came late, and what is said of them; None where no line shows that it was kept back."""
        late = sum(count for _, count, _ in self._moment)
        run_us = ended_us - self._started_us
        is_late = self._moment and ended_us - self._moment[-1][0] <= _MOMENT_US and late >= _SHARE * self._lines
        if not is_late or late < _FEWEST or run_us < _LONG_US:
            return None
        # Their distance only: a container's clock may be of another time zone (contract: events.md 2).
        stamps = _ends([stamp for _, _, stamps in self._moment for stamp in stamps])
        if not stamps or not _SPREAD * run_us <= stamps[-1] - stamps[0] <= run_us + _MOMENT_US:
            return None
        seconds, spread = run_us // 1_000_000, (stamps[-1] - stamps[0]) // 1_000_000
        nearly = (
            f"live output, but {late} of {self._lines} lines came in the last second of a run of {seconds} s, "
            f"and their own times are {spread} s apart"
        )
        change = (
            "Flush after each line: print(line, flush=True), fflush(stdout) in C, python -u for programs it starts."
        )
        return late, NearMiss(Kind.UNFLUSHED, nearly, change)


def _stamps(lines: Lines) -> list[int]:
    """The first and the last time that the outer lines carry, in microseconds of an unknown time zone."""
    texts = lines.texts if len(lines) <= 2 * _LOOKED_AT else [*lines.texts[:_LOOKED_AT], *lines.texts[-_LOOKED_AT:]]
    found = []
    for text in texts:
        if text[:1] == "{" and (stamp := _STAMP.search(text[-500:]) or _STAMP.search(text[:500])):
            try:
                found.append(int(datetime.fromisoformat(stamp[1]).replace(tzinfo=UTC).timestamp()) * 1_000_000)
            except ValueError:
                continue  # the 31st of February
    return _ends(found)


def _ends(stamps: list[int]) -> list[int]:
    return [min(stamps), max(stamps)] if stamps else []
