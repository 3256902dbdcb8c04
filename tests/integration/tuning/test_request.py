"""What a study may be asked for: limits, defaults, and how many more trials it may get."""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from agent.tuning.request import StudyRequest, more_trials, new_study
from agent.tuning.space_texts import read_space

TEN = ",".join(map(str, range(10)))
COMPARED = {"maximize": "val.score"}


def asked(bench, *space, **request):
    return new_study(bench.store, StudyRequest(**request), read_space(space), bench.task)


def test_a_grid_of_more_combinations_than_a_study_has_trials_is_refused_before_it_is_built(bench):
    keys = [f"k{place}={TEN}" for place in range(9)]

    for request in ({}, {"trials": 5}, {**COMPARED, "sampler": "grid"}):
        with pytest.raises(BadInput, match="has more than 10,000 combinations; leave out some of them, or"):
            asked(bench, *keys, **request)
    assert asked(bench, *keys[:4]).trials == 10_000
    assert asked(bench, *keys, **COMPARED).trials == 50, "a search takes its trials from any space"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"trials": 10_001}, "--trials 10001 is not between 1 and 10,000"),
        ({"trials": 0}, "--trials 0 is not between"),
        ({"jobs": 0}, "--jobs 0 is not between 1 and 64"),
        ({"jobs": 65}, "--jobs 65 is not between 1 and 64"),
        ({"seed": -1}, "--seed -1 is not between 0 and"),
        ({"seed": 2**31}, "--seed 2147483648 is not between"),
    ],
)
def test_a_number_beyond_its_limits_is_refused(bench, request_, said):
    with pytest.raises(BadInput, match=said):
        asked(bench, "lr=0.1..0.9", **COMPARED, **request_)


def test_a_config_that_a_trial_would_nest_too_deep_is_refused(bench):
    with pytest.raises(BadInput, match="nested deeper"):
        asked(bench, "a." * 200 + "a=1,2")


def test_a_study_gets_more_trials_up_to_the_limit_and_never_fewer(bench):
    study = bench.add("lr=0.1..0.9")

    assert more_trials(study, None) == 5
    assert more_trials(study, 10_000) == 10_000
    for trials, said in ((4, "has 5 trials already"), (10_001, "not between 1 and 10,000")):
        with pytest.raises(BadInput, match=said):
            more_trials(study, trials)


def test_a_grid_gets_as_many_trials_as_it_has_combinations(bench):
    study = bench.add("lr=0.1,0.2,0.3", "n=1,2", sampler="grid", trials=2)

    assert more_trials(study, 6) == 6
    with pytest.raises(BadInput, match="is a grid of 6 combinations; give --trials 6 or fewer"):
        more_trials(study, 7)
