"""Figures of pixels are those of the official package's benchmark of segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.evaluation.counting import Item, count_images
from agent.evaluation.figures import figures
from agent.evaluation.planning import make_plan
from tests.support.judged_projects import SIZE, annotation, bitmap, meta

pytestmark = pytest.mark.official

TITLES = ("apple", "pear", "plum")
MARGIN = 3  # the width of the strips along edges, and one more


def painted(chance: np.random.Generator, margin: int) -> NDArray[Any]:
    """A map of classes, 0 where there is no label."""
    found = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    for number in chance.integers(1, len(TITLES) + 1, 5):
        left, top = chance.integers(margin, SIZE[0] - 9 - margin), chance.integers(margin, SIZE[1] - 9 - margin)
        width, height = chance.integers(1, 10, 2)
        found[top : top + height, left : left + width] = number
    return found


def labels(found: NDArray[Any]) -> dict[str, Any]:
    numbers = [number for number in range(1, len(TITLES) + 1) if (found == number).any()]
    return annotation(*(bitmap(TITLES[number - 1], 0, 0, found == number) for number in numbers))


def compared(official: Callable[..., Any], margin: int) -> tuple[dict[str, Any], Any]:
    chance = np.random.default_rng(3)
    truth = [painted(chance, margin) for _ in range(12)]
    moved = [np.roll(one, chance.integers(-1, 2, 2), (0, 1)) for one in truth]
    titles = meta("bitmap", TITLES)
    plan = make_plan(titles, titles, background="background")
    items = [
        Item(at, SIZE, labels(one), labels(other)) for at, (one, other) in enumerate(zip(truth, moved, strict=True))
    ]
    maps = [[np.where(one, one, 4).tolist() for one in pair] for pair in zip(truth, moved, strict=True)]
    theirs = official("oracle_benchmark.py", {"titles": plan.classes, "pairs": maps})
    return figures(plan, count_images(plan, items))["segmentation"], theirs


def test_figures_of_pixels_are_equal(official: Callable[..., Any]) -> None:
    section, theirs = compared(official, MARGIN)

    for mine, name in (("iou", "IoU"), ("precision", "precision"), ("recall", "recall"), ("dice", "F1_score")):
        assert [row[mine] for row in section["classes"]] == pytest.approx(theirs[name], abs=1e-6)
    assert [row["boundary_iou"] for row in section["classes"][:3]] == pytest.approx(
        theirs["boundary_IoU"][:3], abs=1e-6
    )
    counts = np.array(section["confusion"]["counts"])[:-1, :-1]
    assert np.allclose(np.round(counts / counts.sum(axis=1, keepdims=True), 3), theirs["confusion"], atol=0.0011)


def test_the_border_of_an_image_is_an_edge_as_in_the_paper_but_not_in_the_official_benchmark(
    official: Callable[..., Any],
) -> None:
    section, theirs = compared(official, 0)

    assert section["classes"][3]["iou"] == pytest.approx(theirs["IoU"][3])
    assert section["classes"][3]["boundary_iou"] > theirs["boundary_IoU"][3]  # both sides have the strip at the border
