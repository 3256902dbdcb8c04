"""The pace of a task over recorded series: what is said, and when nothing is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pace import Pace, Sample, left_text, pace_of, rate_text, thinned

START_S = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def series(*took_s: float, first: float = 1, step: float = 1) -> list[Sample]:
    """A sample at the start, and one after each of these times, with so much more done."""
    samples = [Sample(START_S, first)]
    for took in took_s:
        samples.append(Sample(samples[-1].at_s + took, samples[-1].done + step))
    return samples


def epochs(samples: list[Sample], total: float | None = 1000) -> Pace | None:
    return pace_of(samples, total, unit="epoch")


def rate(samples: list[Sample]) -> float | None:
    pace = epochs(samples)
    return None if pace is None else pace.seconds_per_unit


def test_a_steady_training_ends_when_its_rate_says():
    samples = series(*[3.0] * 9)

    pace = epochs(samples, total=100)

    assert pace is not None
    assert (pace.done, pace.total, pace.unit) == (10, 100, "epoch")
    assert pace.seconds_per_unit == pytest.approx(3)
    assert pace.ends_at is not None
    assert pace.ends_at.timestamp() == pytest.approx(samples[-1].at_s + 90 * 3)


@pytest.mark.parametrize("took", [[], [3], [3, 3]])
def test_too_few_samples_are_no_basis(took):
    assert epochs(series(*took)) is None


def test_a_second_is_no_basis_for_hours():
    assert epochs(series(*[0.1] * 10)) is None


def test_a_slow_first_epoch_counts_no_more_once_the_others_agree():
    assert rate(series(20, 3, 3)) is None
    assert rate(series(20, 3, 3, 3)) == pytest.approx(3)
    assert rate(series(20, 9, 5, *[3.0] * 40)) == pytest.approx(3)


def test_one_pause_is_left_out_and_counts_neither_as_work_nor_as_the_end():
    samples = series(*[3.0] * 10, 900, *[3.0] * 4)

    assert rate(samples) == pytest.approx(3)


def test_several_pauses_that_come_without_order_leave_nothing_known():
    assert rate(series(3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 200, 3, 90, 3, 3, 500)) is None


def test_validations_every_k_epochs_count_as_work():
    every_five = [3.0, 3.0, 3.0, 3.0, 9.0]

    found = rate(series(*every_five * 10))

    assert found == pytest.approx(sum(every_five) / 5, rel=0.15)


def test_a_new_speed_is_said_once_it_lasts():
    changed = [3.0] * 60

    assert rate(series(*changed, *[12.0] * 12)) is None
    assert rate(series(*changed, *[12.0] * 60)) == pytest.approx(12)


def test_without_a_whole_there_is_a_rate_and_no_end():
    pace = epochs(series(*[3.0] * 9), total=None)

    assert pace is not None
    assert (pace.total, pace.ends_at) == (None, None)
    assert left_text(pace, datetime.now(UTC)) == ""


def test_work_that_is_done_has_no_pace():
    assert epochs(series(*[3.0] * 9), total=10) is None
    assert epochs(series(*[3.0] * 9), total=5) is None


def test_work_that_begins_anew_has_a_pace_of_its_own():
    before, after = series(*[1.0] * 50), series(*[7.0] * 5)
    later = [Sample(sample.at_s + 1000, sample.done) for sample in after]

    assert rate([*before, *later]) == pytest.approx(7)
    assert rate([*before, *later[:2]]) is None


def test_silence_ends_what_is_known():
    samples = series(*[60.0] * 9)
    pace, quick = epochs(samples), epochs(series(*[1.0] * 9))

    assert pace is not None
    assert quick is not None
    assert pace.valid_until.timestamp() == pytest.approx(samples[-1].at_s + 180)
    assert quick.valid_until.timestamp() == pytest.approx(START_S + 9 + 30)


def test_lines_that_were_read_late_and_at_once_make_no_rate():
    """An agent that comes back reads in a moment what was printed while it was away."""
    assert rate(series(*[3.0] * 8, 60, *[0.001] * 20)) is None


@given(st.lists(st.tuples(st.floats(-10, 1e6), st.floats(-10, 1e9)), max_size=80), st.none() | st.floats(-10, 1e9))
def test_any_samples_give_a_pace_that_makes_sense_or_none(pairs, total):
    pace = epochs([Sample(START_S + at_s, done) for at_s, done in pairs], total)

    if pace is not None:
        assert pace.seconds_per_unit > 0
        assert pace.ends_at is None or pace.ends_at.timestamp() > START_S - 11
        assert rate_text(pace).endswith(("per epoch", "per second"))
        left_text(pace, datetime.now(UTC))


def test_thinned_samples_keep_the_first_and_the_last():
    samples = series(*[1.0] * 999)

    found = thinned(samples, 10)

    assert (len(found), found[0], found[-1]) == (10, samples[0], samples[-1])
    assert thinned(samples[:5], 10) == samples[:5]


@pytest.mark.parametrize(
    ("unit", "seconds", "text"),
    [
        ("epoch", 3.14, "3.1 s per epoch"),
        ("epoch", 0.05, "0.05 s per epoch"),
        ("epoch", 42.4, "42 s per epoch"),
        ("epoch", 250, "4 min 10 s per epoch"),
        ("epoch", 7800, "2 h 10 min per epoch"),
        ("step", 0.19, "5.3 steps per second"),
        ("step", 0.004, "250 steps per second"),
        ("step", 2, "2.0 s per step"),
    ],
)
def test_a_rate_in_words(unit, seconds, text):
    assert rate_text(Pace(unit, None, 1, None, seconds, None, datetime.now(UTC))) == text


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(seconds=-4), "less than a minute left (12:00)"),
        (timedelta(seconds=50), "less than a minute left (12:01)"),
        (timedelta(minutes=12, seconds=10), "about 12 min left (12:12)"),
        (timedelta(hours=2, minutes=10), "about 2 h 10 min left (14:10)"),
        (timedelta(days=3, hours=4), "about 3 d 4 h left (2026-03-04 16:00)"),
    ],
)
def test_what_is_left_in_words(left, text):
    now = datetime(2026, 3, 1, 12, 0, 10).astimezone()

    assert left_text(Pace("epoch", None, 1, 9, 1, now + left, now), now) == text
