from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recorder import DEPLOYED_LINGER_S, expected_s, linger_s


@pytest.mark.parametrize("commit_s", [0.0, 0.001, 0.0075])
def test_where_commits_are_fast_a_line_waits_as_little_as_ever(commit_s: float) -> None:
    assert linger_s(commit_s) == 0.015


def test_lines_of_a_deployed_model_wait_for_those_of_other_requests() -> None:
    assert linger_s(0.002, DEPLOYED_LINGER_S) == DEPLOYED_LINGER_S
    assert linger_s(10, DEPLOYED_LINGER_S) == linger_s(10)  # within the same bound


@given(st.lists(st.floats(0, 1e6), min_size=2))
def test_slower_commits_gather_more_lines_up_to_a_bound(commits: list[float]) -> None:
    waits = [linger_s(commit_s) for commit_s in sorted(commits)]

    assert all(earlier <= later for earlier, later in itertools.pairwise(waits))
    assert waits[-1] <= 0.35


def test_a_line_is_committed_within_a_second_while_a_commit_takes_less_than_a_quarter() -> None:
    commit_s = 0.25
    assert commit_s + linger_s(commit_s) + commit_s < 1  # the commit on its way, the wait, its own commit


def test_commits_that_have_become_slow_or_fast_are_believed_within_some_of_them() -> None:
    expected = 0.002
    for _ in range(5):
        expected = expected_s(expected, 0.2)
    assert linger_s(expected) == 0.35

    for _ in range(5):
        expected = expected_s(expected, 0.002)
    assert linger_s(expected) < 0.05


def test_one_slow_commit_among_fast_ones_delays_readers_for_a_moment_only() -> None:
    expected = expected_s(0.002, 0.1)
    waits = []
    for _ in range(3):
        waits.append(linger_s(expected))
        expected = expected_s(expected, 0.002)

    assert waits[0] < 0.1
    assert linger_s(expected) < 0.03


@given(st.floats(0, 10), st.floats(0, 10))
def test_what_is_expected_lies_between_the_past_and_the_last_commit(expected: float, took: float) -> None:
    assert min(expected, took) - 1e-9 <= expected_s(expected, took) <= max(expected, took) + 1e-9
