"""Annotations of any content are counted or become problems; nothing is raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evaluation.counting import count_image
from agent.evaluation.figures import figures
from agent.evaluation.plan import Plan
from agent.evaluation.planning import make_plan
from tests.support.fuzzing import JSON_WORDS, bounded, fuzz, spoilt
from tests.support.judged_projects import annotation, bitmap, generated, graph, line, meta, point, polygon, rectangle

TITLES = ("spot", "plot", "box", "way", "body", "leaf")
SHAPES = ("point", "polygon", "rectangle", "line", "graph", "bitmap")
TAGS = [{"name": "ripe", "value_type": "any_number"}, {"name": "confidence", "value_type": "any_number"}]
LABELS = annotation(
    point("spot", 3, 4, 0.5),
    polygon("plot", (0, 0), (40, 0), (40, 40), confidence=0.25),
    rectangle("box", 5, 5, 20, 30, 0.75),
    line("way", (0, 0), (30, 30), confidence=1),
    graph("body", {"a": (1, 2), "b": (30, 20)}, 0.1),
    bitmap("leaf", 2, 3, [[1, 0], [1, 1]], 0.9),
    tags=["ripe", {"name": "ripe", "value": 0.5}],
)


def plan_of(shapes: tuple[str, ...]) -> Plan:
    titles: dict[str, Any] = {
        "classes": [{"title": title, "shape": shape} for title, shape in zip(TITLES, shapes, strict=True)],
        "tags": [{"name": "ripe", "value_type": "none"}, *TAGS[1:]],
    }
    return make_plan(titles, {**titles, "tags": TAGS}, neutral=["plot"], background="ground")


@fuzz(60)
@given(
    text=spoilt([json.dumps(LABELS).encode()], words=JSON_WORDS),
    shapes=st.sampled_from([SHAPES, ("any",) * 6, SHAPES[::-1]]),
    is_truth=st.booleans(),
)
def test_spoilt_annotations_are_counted(text: bytes, shapes: tuple[str, ...], is_truth: bool) -> None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict):
        return
    plan = plan_of(shapes)
    truth, predicted = (value, LABELS) if is_truth else (LABELS, value)
    with bounded():
        found = figures(plan, count_image(plan, truth, predicted, (64, 48), 0))
    json.dumps(found, allow_nan=False)


def test_a_point_of_two_points_and_a_line_of_one_are_problems_of_their_image() -> None:
    """A change of a class's shape leaves its labels as they are."""
    spoilt_labels = annotation(polygon("spot", (0, 0), (4, 0), (4, 4)), line("way", (3, 3)))
    counts = count_image(plan_of(SHAPES), LABELS, spoilt_labels, (64, 48), 0)

    assert sorted(sentence.split(" (class ")[1] for _, sentence in counts.problems) == [
        "'spot') has 3 points instead of one; it is not counted.",
        "'way') is a line of one point; it is not counted.",
    ]


@pytest.mark.parametrize("place", [[10**400, 0], [float("nan"), 1], [1e30, 2], [True, False], ["1", 2], [1], None, {}])
def test_odd_places_are_problems_or_read(place: Any) -> None:
    titles = meta("polygon", ("plot",))
    plan = make_plan(titles, titles)
    label = {"classTitle": "plot", "points": {"exterior": [[0, 0], [9, 0], place], "interior": []}}
    counts = count_image(plan, {"objects": [label]}, annotation(), (64, 48), 0)

    assert len(counts.problems) == (place != [True, False])


@pytest.mark.parametrize("value", [10**400, float("inf"), True, "0.5", None, [1]])
def test_odd_confidences_are_none(value: Any) -> None:
    titles = meta("rectangle", ("box",))
    plan = make_plan(titles, titles)
    found = {**rectangle("box", 0, 0, 9, 9), "tags": [{"name": "confidence", "value": value}]}
    counts = count_image(plan, annotation(), {"objects": [found]}, (64, 48), 0)

    assert not counts.predictions["has_confidence"][0]
    assert counts.predictions["confidence"][0] == 1


def test_corners_outside_are_cut_at_the_image_and_those_far_away_are_a_problem() -> None:
    titles = meta("polygon", ("plot",))
    plan = make_plan(titles, titles)
    near, far = (
        count_image(plan, annotation(polygon("plot", (-x, -x), (x, -x), (x, x), (-x, x))), annotation(), (64, 48), 0)
        for x in (2**18, 2**29)
    )

    assert near.truths["area"].tolist() == [64 * 48]
    assert "more than a million pixels away" in far.problems[0][1]


def test_generated_projects_have_all_cases() -> None:
    items = generated(0, "rectangle", 60, neutral=True)

    assert any(not item.truth["objects"] and item.predicted["objects"] for item in items)
    assert any(item.truth["objects"] and not item.predicted["objects"] for item in items)
    assert any(one["classTitle"] == "neutral" for item in items for one in item.truth["objects"])
