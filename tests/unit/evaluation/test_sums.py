"""Counts add up: of any images, joined in any order, and cut again."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.evaluation.counting import count_image, count_images
from agent.evaluation.counts import Counts
from agent.evaluation.figures import figures
from agent.evaluation.planning import make_plan
from agent.evaluation.saved_counts import from_bytes, to_bytes
from tests.support.fuzzing import fuzz
from tests.support.judged_projects import CLASSES, generated, meta

SHAPES = st.sampled_from(["rectangle", "polygon", "bitmap"])


def plan_of(shape: str) -> Any:
    titles = meta(shape, CLASSES, "neutral")
    return make_plan(titles, titles, neutral=["neutral"])


def equal(one: Counts, other: Counts) -> bool:
    return to_bytes(one) == to_bytes(other)


@fuzz(10)
@given(seed=st.integers(0, 10**6), shape=SHAPES, cut=st.integers(0, 8))
def test_the_counts_of_all_images_are_those_of_the_parts(seed: int, shape: str, cut: int) -> None:
    plan, items = plan_of(shape), generated(seed, shape, 8, neutral=True)
    whole = count_images(plan, items)
    parts = [count_images(plan, items[:cut]), count_images(plan, items[cut:])]
    single = [count_image(plan, item.truth, item.predicted, item.size, item.image) for item in items]

    assert equal(Counts.join(parts), whole)
    assert equal(Counts.join(single), whole)
    assert equal(whole.select(range(cut)), parts[0])
    assert equal(whole.select(range(cut, 8)), parts[1])


@fuzz(10)
@given(seed=st.integers(0, 10**6), shape=SHAPES, confidence=st.sampled_from([None, 0.0, 0.35, 0.9]))
def test_the_order_of_images_changes_no_figure(seed: int, shape: str, confidence: float | None) -> None:
    plan, items = plan_of(shape), generated(seed, shape, 8, neutral=True)
    mixed = random.Random(seed).sample(items, len(items))

    first, second = (figures(plan, count_images(plan, some), confidence=confidence) for some in (items, mixed))
    assert first == second


@fuzz(10)
@given(seed=st.integers(0, 10**6), shape=SHAPES, confidence=st.sampled_from([0.0, 0.35, 0.9]))
def test_figures_at_a_confidence_are_those_without_the_predictions_below_it(
    seed: int, shape: str, confidence: float
) -> None:
    plan, items = plan_of(shape), generated(seed, shape, 8, neutral=True)
    kept = [
        item._replace(
            predicted={"objects": [one for one in item.predicted["objects"] if one["tags"][0]["value"] >= confidence]}
        )
        for item in items
    ]

    names = ("precision", "recall", "f1", "truths", "matched", "missed", "extra", "mixed_up")
    first, second = (
        figures(plan, count_images(plan, some), confidence=confidence)["detection"] for some in (items, kept)
    )
    assert [first["headline"][name] for name in names] == [second["headline"][name] for name in names]
    assert first["confusion"] == second["confusion"]
    assert [error["count"] for error in first["errors"]] == [error["count"] for error in second["errors"]]


def test_counts_of_nothing_have_figures() -> None:
    plan = plan_of("bitmap")

    assert figures(plan, Counts.join([])) == figures(plan, count_images(plan, []))


def test_bytes_that_are_no_counts_are_refused() -> None:
    saved = to_bytes(count_images(plan_of("bitmap"), generated(1, "bitmap", 5)))

    assert to_bytes(from_bytes(saved)) == saved
    for broken in (b"", b"counts 1\n", saved[:-5], saved[:30] + b"?" + saved[31:], b"counts 9" + saved[8:]):
        with pytest.raises(BadInput):
            from_bytes(broken)
