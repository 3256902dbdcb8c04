"""The plan of a chaos on a cluster comes from its seed alone."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tests.chaos.clusters.plan import KUBERNETES, LOST, SLURM, WAYS, Way, order, plan, read_away

SEEDS = range(1, 40)


@pytest.mark.parametrize("ways", [KUBERNETES, SLURM], ids=["kubernetes", "slurm"])
def test_a_plan_is_a_function_of_its_seed(ways):
    assert plan(7, 120, ways) == plan(7, 120, ways)
    assert len({tuple(plan(seed, 120, ways)) for seed in SEEDS}) == len(SEEDS)
    assert [order(3, n) for n in range(5)] == [order(3, n) for n in range(5)]
    assert order(3, 1) != order(4, 1)


@pytest.mark.parametrize("ways", [KUBERNETES, SLURM], ids=["kubernetes", "slurm"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_that_is_away_is_not_taken_a_second_time(seed, ways):
    acts = plan(seed, 300, ways)
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    for part in {act.way.part for act in acts} - {""}:
        its = [act for act in acts if act.way.part == part]
        assert all(first.mended_at_s < then.at_s for first, then in pairwise(its))


@pytest.mark.parametrize("ways", [KUBERNETES, SLURM], ids=["kubernetes", "slurm"])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_way_comes_up_within_a_few_minutes(seed, ways):
    names = Counter(act.way.name for act in plan(seed, 300, ways))
    assert names.keys() == {way.name for way in ways}
    assert all(act.way.away_s[0] <= act.away_s <= act.way.away_s[1] for act in plan(seed, 300, ways))


def test_an_outage_is_as_long_as_it_is_asked_for():
    away_s = read_away("store=120,objects=90,controller=600,agent=600")
    acts = plan(1, 700, KUBERNETES, away_s)
    assert {act.away_s for act in acts if act.way.part == "store"} == {120.0}
    assert {act.away_s for act in acts if act.way.part == "objects"} == {90.0}
    assert [act.way.name for act in acts if act.away_s == 600.0] == ["kill the controller", "keep an agent away"]
    assert not any(act.way.reasons for act in acts)  # what is known of the agent's task has to stay known
    with pytest.raises(ValueError, match="moon is none of"):
        read_away("moon=5")


def test_a_way_that_is_only_a_delay_excuses_no_end():
    delays = {way.name for ways in WAYS.values() for way in ways if not way.reasons}
    assert {"kill the controller", "cut the store off", "cut the objects off", "crash the store"} <= delays
    assert next(way for way in KUBERNETES if way.name == "kill an agent").reasons == frozenset()
    assert all(way.reasons <= LOST | {"plugin_killed", "job_failed", "job_cancelled"} for way in SLURM)
    assert Way("x", 1).part == ""
