"""Output that comes all at once at the end of a long run: said only where the lines themselves show it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from agent.events.late_output import LateOutput
from agent.events.lines import Lines
from agent.events.model import Stream

S = 1_000_000


def plain(at_s: float) -> str:
    return "line"


def logged(at_s: float) -> str:
    """A line of the SDK's logger, in a container whose clock is ten hours ahead."""
    stamp = datetime.fromtimestamp(36_000 + at_s, UTC).isoformat(timespec="milliseconds")
    return f'{{"message": "x", "timestamp": "{stamp[:23]}Z", "level": "info"}}'


def printed(lines: int, of: Callable[[float], str], begin_s: float, end_s: float) -> Lines:
    texts = [of(begin_s + (end_s - begin_s) * place / max(1, lines - 1)) for place in range(lines)]
    return Lines(texts, [Stream.STDOUT] * lines)


def said(takes: list[tuple[Lines, float]], ended_s: float) -> int:
    """How many lines are said to be late, of a run that began at 0; 0: nothing is said."""
    late = LateOutput(0)
    for lines, at_s in takes:
        late.take(lines, int(at_s * S))
    found = late.found(int(ended_s * S))
    return 0 if found is None else found[0]


def test_lines_whose_own_times_are_spread_over_the_run_and_that_come_together_at_its_end_are_late() -> None:
    assert said([(printed(500, logged, 0, 60), 60.0)], 60.1) == 500
    assert said([(printed(2, plain, 0, 0), 0.5), (printed(30, logged, 1, 40), 59.5), (printed(30, logged, 40, 60), 60)],
                60.2) == 60  # fmt: skip


def test_a_program_that_has_nothing_to_say_before_its_end_is_not() -> None:
    assert said([(printed(30, logged, 59, 60), 60.0)], 60.0) == 0  # a model is loaded, then twenty quick images
    assert said([(printed(500, plain, 0, 60), 60.0)], 60.0) == 0  # nothing shows when they were printed
    traceback = Lines([logged(at) for at in range(60)], [Stream.STDERR] * 60)
    assert said([(traceback, 60.0)], 60.0) == 0
    assert said([(printed(500, logged, 0, 6_000), 60.0)], 60.0) == 0  # a log of another run is printed


def test_output_that_came_in_its_time_is_not() -> None:
    assert said([(printed(10, logged, at, at), float(at)) for at in range(60)], 60.0) == 0
    assert said([(printed(500, logged, 0, 1), 1.0)], 60.0) == 0  # at the beginning
    assert said([(printed(500, logged, 0, 3), 3.0)], 3.1) == 0  # a short run
    assert said([(printed(5, logged, 0, 60), 60.0)], 60.0) == 0  # a program that says little
    assert said([], 60.0) == 0
    assert said([(printed(100, logged, 0, 10), 10.0), (printed(500, logged, 0, 60), 60.0)], 60.0) == 0  # a summary


def test_a_long_log_takes_no_room() -> None:
    late = LateOutput(0)
    for at in range(100_000):
        late.take(Lines(['{"timestamp": "2026-02-31 00:00:00"}'], [Stream.STDOUT]), at * 10)
    assert len(late._moment) <= 11


def test_the_sentences() -> None:
    late = LateOutput(0)
    late.take(printed(40, logged, 0, 30), 30 * S)
    found = late.found(30 * S)
    assert found is not None
    assert found[1].nearly == (
        "live output, but 40 of 40 lines came in the last second of a run of 30 s, and their own times are 30 s apart"
    )
