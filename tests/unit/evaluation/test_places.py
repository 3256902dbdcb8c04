"""Points, lines and graphs: their distances, and what follows from them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agent.evaluation.counting import Item, count_images
from agent.evaluation.figures import figures
from agent.evaluation.nearness import REACH, SIGMA
from agent.evaluation.planning import make_plan
from agent.evaluation.worst import worst_images
from tests.support.judged_projects import annotation, graph, line, meta, point, rectangle

SIZE = (300, 400)  # a diagonal of 500


def points(shape: str, truth: list[Any], predicted: list[Any]) -> dict[str, Any]:
    titles = meta(shape, ("spot", "neutral"))
    plan = make_plan(titles, titles, neutral=["neutral"])
    counts = count_images(plan, [Item(3, SIZE, annotation(*truth), annotation(*predicted))])
    section: dict[str, Any] = figures(plan, counts, confidence=0)["points"]
    return section


def test_a_point_has_the_nearest_prediction_and_its_distance() -> None:
    section = points("point", [point("spot", 10, 10)], [point("spot", 13, 14, 0.9), point("spot", 90, 10, 0.8)])

    headline = section["headline"]
    assert (headline["matched"], headline["extra"], headline["mean_distance"]) == (1, 1, 5)
    assert headline["ap50"] == pytest.approx(1)
    assert headline["ap75"] == pytest.approx(1)  # nearness is 1 - 5 / 25


@pytest.mark.parametrize(("distance", "is_match"), [(12, True), (13, False)])
def test_a_point_is_found_within_half_the_reach(distance: int, is_match: bool) -> None:
    assert REACH * 500 == 25
    section = points("point", [point("spot", 10, 10)], [point("spot", 10 + distance, 10, 0.9)])

    assert section["headline"]["matched"] == is_match
    assert [error["count"] for error in section["errors"] if error["kind"] == "misplaced"] == [not is_match]


def test_lines_are_as_far_apart_as_their_points_in_the_mean() -> None:
    section = points(
        "line", [line("spot", (0, 0), (100, 0))], [line("spot", (100, 4), (50, 4), (0, 4), confidence=0.5)]
    )

    assert section["headline"]["mean_distance"] == pytest.approx(4)
    assert section["headline"]["matched"] == 1


def test_a_line_of_one_place_is_measured_too() -> None:
    section = points("line", [line("spot", (5, 5), (5, 5))], [line("spot", (5, 8), (5, 8), confidence=0.5)])

    assert section["headline"]["mean_distance"] == 3


def test_graphs_are_compared_by_the_similarity_of_their_nodes() -> None:
    truth = graph("spot", {"a": (0, 0), "b": (99, 0), "c": (99, 99)})
    found = graph("spot", {"a": (3, 4), "b": (99, 0)}, 0.5)
    section = points("graph", [truth], [found])

    similarity = (math.exp(-25 / (2 * 100 * 100 * (2 * SIGMA) ** 2)) + 1) / 3
    assert 0.5 < similarity < 0.65
    assert section["headline"]["ap"] == pytest.approx(3 / 10)  # at 0.50, 0.55 and 0.60
    assert section["headline"]["mean_distance"] == 2.5


def test_points_on_neutral_areas_are_neither_right_nor_wrong() -> None:
    titles = {"classes": [{"title": "spot", "shape": "point"}, {"title": "neutral", "shape": "rectangle"}]}
    plan = make_plan(titles, titles, neutral=["neutral"])
    truth = annotation(rectangle("neutral", 0, 0, 50, 50))
    counts = count_images(
        plan, [Item(0, SIZE, truth, annotation(point("spot", 20, 20, 0.5), point("spot", 70, 70, 0.5)))]
    )

    assert figures(plan, counts, confidence=0)["points"]["headline"]["extra"] == 1


def test_images_come_by_distance() -> None:
    titles = meta("point", ("spot",))
    plan = make_plan(titles, titles)
    found = [
        Item(at, SIZE, annotation(point("spot", 9, 9)), annotation(point("spot", 9, 9 + at, 0.5))) for at in range(3)
    ]

    assert worst_images(plan, count_images(plan, found), by="distance", confidence=0) == [(2, 2.0), (1, 1.0), (0, 0.0)]


def test_a_label_of_another_kind_is_a_problem_of_its_image() -> None:
    titles = meta("any", ("spot",))
    plan = make_plan(titles, meta("point", ("spot",)))
    counts = count_images(plan, [Item(0, SIZE, annotation(rectangle("spot", 0, 0, 5, 5)), annotation())])

    assert "cannot be compared with points" in counts.problems[0][1]
