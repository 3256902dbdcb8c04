"""Output that comes all at once at the end of a long run."""

from __future__ import annotations

from agent.events.late_output import LateOutput

S = 1_000_000


def said(takes: list[tuple[int, float]], ended_s: float) -> int:
    """How many lines are said to be late, of a run that began at 0; 0: nothing is said."""
    late = LateOutput(0)
    for lines, at_s in takes:
        late.take(lines, int(at_s * S))
    found = late.found(int(ended_s * S))
    return 0 if found is None else found[0]


def test_lines_that_come_together_at_the_end_of_a_long_run_are_late() -> None:
    assert said([(500, 60.0)], 60.1) == 500
    assert said([(2, 0.5), (30, 59.5), (30, 60.0)], 60.2) == 60


def test_output_that_came_in_its_time_is_not() -> None:
    assert said([(10, float(at)) for at in range(60)], 60.0) == 0
    assert said([(500, 1.0)], 60.0) == 0  # at the beginning
    assert said([(500, 3.0)], 3.1) == 0  # a short run
    assert said([(5, 60.0)], 60.0) == 0  # a program that says little
    assert said([], 60.0) == 0
    assert said([(100, 10.0), (500, 60.0)], 60.0) == 0  # a summary at the end


def test_a_long_log_takes_no_room() -> None:
    late = LateOutput(0)
    for at in range(100_000):
        late.take(1, at * 10)
    assert len(late._moment) <= 11


def test_the_sentences() -> None:
    late = LateOutput(0)
    late.take(40, 30 * S)
    found = late.found(30 * S)
    assert found is not None
    assert found[1].nearly == "live output, but 40 of 40 lines came in the last second of a run of 30 s"
