"""Figures of tags, on a few images."""

from __future__ import annotations

from typing import Any

import pytest

from agent.evaluation.counting import Item, count_images
from agent.evaluation.counts import Counts
from agent.evaluation.figures import figures
from agent.evaluation.judged import Judged
from agent.evaluation.plan import Plan
from agent.evaluation.planning import make_plan
from agent.evaluation.tag_errors import tag_images
from agent.evaluation.worst import worst_images

SIZE = (8, 8)
NAMES = ("apple", "pear", "plum")


def counted(truth: list[list[str]], predicted: list[dict[str, float | None]]) -> tuple[Plan, Judged]:
    """Of images: the true tags, and the predicted ones with their confidence."""
    meta = {"classes": [], "tags": [{"name": name, "value_type": "none"} for name in NAMES]}
    found = {"classes": [], "tags": [{"name": f"{name}_nn", "value_type": "any_number"} for name in NAMES]}
    plan = make_plan(meta, found, suffix="_nn")
    items = [
        Item(
            at,
            SIZE,
            {"tags": [*true, "train"]},
            {"tags": [{"name": f"{name}_nn", "value": sure} for name, sure in guess.items()] + [{"name": "apple"}]},
        )
        for at, (true, guess) in enumerate(zip(truth, predicted, strict=True))
    ]
    return plan, Judged(plan, count_images(plan, items))


def tags(truth: list[list[str]], predicted: list[dict[str, float | None]], **asked: Any) -> dict[str, Any]:
    section: dict[str, Any] = figures(*counted(truth, predicted), **asked)["tags"]
    return section


def test_of_tags_that_exclude_each_other_the_most_confident_one_counts() -> None:
    truth = [["apple"], ["pear"], ["plum"], []]
    section = tags(truth, [{"apple": 0.9, "pear": 0.1}, {"apple": 0.6, "pear": 0.4}, {}, {"plum": 0.2}])

    headline = section["headline"]
    assert headline["one_of_several"]
    assert headline["accuracy"] == 1 / 4
    assert headline["top_1"] == pytest.approx(1 / 3)
    assert headline["top_3"] == pytest.approx(2 / 3)
    assert section["confusion"] == {
        "titles": [*NAMES, "no tag"],
        "counts": [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
    }


def test_images_that_were_not_judged_are_neither_right_nor_wrong() -> None:
    plan, judged = counted([["apple", "pear"]], [{"plum": 0.9}])
    problems = [Item(at, SIZE, {}, {}, "It has another size.") for at in range(1, 10)]
    whole = Counts.join([judged.counts, count_images(plan, problems)])

    found = figures(plan, whole)
    assert (found["images"], found["problems"]) == (10, 9)
    assert (found["tags"]["headline"]["images"], found["tags"]["headline"]["accuracy"]) == (1, 0)


def test_a_slice_judges_tags_as_the_whole_does() -> None:
    plan, whole = counted([["apple", "pear"], ["plum"]], [{"apple": 0.9, "pear": 0.3}, {"plum": 0.2}])
    part = figures(plan, Judged(plan, whole.counts.select([1]), whole))["tags"]

    assert not part["headline"]["one_of_several"]
    assert part["headline"]["confidence"] == 0.5
    assert figures(plan, whole.counts.select([1]))["tags"]["headline"][
        "one_of_several"
    ]  # by itself it shows nothing else


def test_tags_below_the_confidence_are_not_there() -> None:
    section = tags([["apple"], ["pear"]], [{"apple": 0.9}, {"pear": 0.4}], confidence=0.5)

    assert section["headline"]["accuracy"] == 0.5
    assert section["confusion"]["counts"][1] == [0, 0, 0, 1]


def test_of_other_tags_all_that_are_confident_enough_count() -> None:
    section = tags([["apple", "pear"], ["plum"]], [{"apple": 0.9, "pear": 0.3}, {"plum": 0.8}])

    assert not section["headline"]["one_of_several"]
    assert section["headline"]["confidence"] == 0.5
    assert section["headline"]["accuracy"] == 0.5  # one image has exactly its tags
    assert [row["recall"] for row in section["classes"]] == [1, 0, 1]
    assert section["headline"]["micro_f1"] == pytest.approx(4 / 5)
    assert section["headline"]["mean_ap"] == pytest.approx(1)
    assert "confusion" not in section


def test_calibration_compares_confidence_and_accuracy() -> None:
    section = tags([["apple"], ["apple"], ["pear"]], [{"apple": 0.85}, {"pear": 0.85}, {"pear": 0.15}])

    calibration = section["calibration"]
    assert calibration["count"] == [0, 1, 0, 0, 0, 0, 0, 0, 2, 0]
    assert calibration["accuracy"][8] == 0.5
    assert calibration["ece"] == pytest.approx((2 * 0.35 + 0.85) / 3)


def test_tags_without_a_number_have_no_average_precision_and_the_section_says_so() -> None:
    section = tags([["apple"]], [{"apple": None}])

    assert section["headline"]["accuracy"] == 1
    assert section["headline"]["mean_ap"] is None
    assert section["calibration"] is None
    assert "no numbers" in section["remarks"][0]


def test_confidences_beyond_one_have_no_calibration_and_the_section_says_so() -> None:
    section = tags([["apple"]], [{"apple": 85.0}])

    assert section["calibration"] is None
    assert "not between 0 and 1" in section["remarks"][0]


def test_nothing_predicted_is_said() -> None:
    assert tags([["apple"]], [{}])["remarks"] == ["No tag is predicted."]


def test_figures_lead_to_their_images() -> None:
    truth = [["apple"], ["apple"], ["pear"], []]
    plan, judged = counted(truth, [{"apple": 0.7}, {"pear": 0.6}, {"pear": 0.9}, {"pear": 0.8}])

    assert tag_images(plan, judged, truth_tag=0, predicted_tag=1) == [1]
    assert tag_images(plan, judged, predicted_tag=1) == [2, 3, 1]
    assert tag_images(plan, judged, truth_tag=-1, predicted_tag=1) == [3]
    assert tag_images(plan, judged, truth_tag=1, predicted_tag=-1, confidence=0.95) == [2]
    assert worst_images(plan, judged, by="wrong_tags")[:2] == [(1, 2.0), (3, 1.0)]
    assert worst_images(plan, judged, by="wrong_tags", class_=0)[0] == (1, 1.0)
