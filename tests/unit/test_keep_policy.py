"""The checkpoints that a policy keeps: examples, and rules for every policy and every training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.keep_policy import Keep, KeptCheckpoint, parse_keep, to_remove


def training(count, *, best=(), task_id=1, **special):
    """Checkpoints 1 to `count`, whose model ids are task_id * 1000 + position."""
    points = [
        KeptCheckpoint(
            task_id * 1000 + n, task_id, "net", 10, n, is_best=n in best, is_last=n == count, pinned=False, used=False
        )
        for n in range(1, count + 1)
    ]
    marks: list[dict[str, Any]] = [{key: True for key in special if p.position in special[key]} for p in points]
    return [replace(p, **marked) for p, marked in zip(points, marks, strict=True)]


def left(points, policy):
    gone = set(to_remove(points, parse_keep(policy)))
    return [p.position for p in points if p.model_id not in gone]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("", list(range(1, 11))),
        ("latest=3", [8, 9, 10]),
        ("latest=0", [10]),  # the last is the training's result
        ("best=2", [5, 7, 10]),
        ("every=4", [4, 8, 10]),
        ("best=1,latest=2,every=5", [5, 7, 9, 10]),
        ("best=100", [2, 5, 7, 10]),
    ],
)
def test_each_part_of_a_policy_keeps_its_share(policy, kept):
    assert left(training(10, best=(2, 5, 7)), policy) == kept


def test_pinned_and_used_checkpoints_stay_and_count_like_the_others():
    assert left(training(10, pinned=(1,), used=(3,)), "latest=2") == [1, 3, 9, 10]


def test_every_training_is_judged_by_itself():
    points = training(3) + training(2, task_id=2)
    assert set(to_remove(points, Keep(latest=1))) == {1001, 1002, 2001}


@pytest.mark.parametrize(
    "text", ["best", "best=", "best=-1", "best=1,best=2", "every=0", "newest=3", "best=1;latest=2", "best=x"]
)
def test_a_text_that_is_not_a_policy_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="best=3,latest=2,every=10"):
        parse_keep(text)


def test_spaces_in_a_policy_do_not_matter():
    assert parse_keep(" best=3 , every=10 ") == Keep(best=3, every=10)


number = st.none() | st.integers(0, 6)
policies = st.builds(Keep, best=number, latest=number, every=st.none() | st.integers(1, 6))
points = st.lists(
    st.builds(
        KeptCheckpoint, model_id=st.just(0), name=st.just("net"), size_bytes=st.just(10),
        task_id=st.integers(1, 3), position=st.integers(1, 20), is_best=st.booleans(),
        is_last=st.booleans(), pinned=st.booleans(), used=st.booleans(),
    ),
    max_size=30, unique_by=lambda p: (p.task_id, p.position),
).map(lambda found: [replace(p, model_id=n) for n, p in enumerate(found)])  # fmt: skip


@given(points, policies, st.randoms())
def test_every_policy_keeps_pinned_used_and_last_checkpoints_in_any_order(found, keep, random):
    gone = set(to_remove(found, keep))
    stay = [p for p in found if p.model_id not in gone]
    assert not any(p.pinned or p.used or p.is_last for p in found if p.model_id in gone)
    assert to_remove(stay, keep) == []  # asking again removes no more
    shuffled = found[:]
    random.shuffle(shuffled)
    assert set(to_remove(shuffled, keep)) == gone
    if keep.is_everything:
        assert not gone
    for task_id in {p.task_id for p in found}:
        of_task = sorted((p for p in found if p.task_id == task_id), key=lambda p: p.position)
        newest = of_task[-(keep.latest or 0) :] if keep.latest else []
        assert not gone & {p.model_id for p in newest}
        if keep.best and (best := [p for p in of_task if p.is_best]):
            assert best[-1].model_id not in gone
