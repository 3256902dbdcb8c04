"""Objects of annotations that name their shapes, and those that do not."""

from __future__ import annotations

import json

import pytest

from agent.formats.label_shapes import complete_text

SHAPES = {"leaf": "rectangle", "thing": "any"}
POINTS = {"exterior": [[1, 1], [4, 3]], "interior": []}


def annotation(*objects: object) -> str:
    return json.dumps({"description": "", "size": {"height": 6, "width": 8}, "tags": [], "objects": objects})


@pytest.mark.parametrize(
    ("label", "shape"),
    [
        ({"classTitle": "leaf", "points": POINTS}, "rectangle"),
        ({"classTitle": "thing", "points": POINTS, "shape": "polygon"}, "polygon"),
        ({"classTitle": "thing", "points": POINTS}, "line"),
        ({"classTitle": "thing", "bitmap": {}}, "bitmap"),
        ({"classTitle": "thing", "nodes": {}}, "graph"),
        ({"classTitle": "gone", "points": {"exterior": [[1, 1]]}}, "point"),
    ],
)
def test_an_object_gets_the_name_of_its_shape_and_keeps_everything_else(label, shape):
    (full,) = json.loads(complete_text(annotation(label), SHAPES))["objects"]

    assert full == {**label, "geometryType": shape, "shape": label.get("shape", shape)}


@pytest.mark.parametrize(
    "text",
    [
        annotation(),
        annotation({"classTitle": "leaf", "geometryType": "rectangle", "points": POINTS}),
        annotation({"classTitle": "thing"}),
        annotation("no object", {"classTitle": "leaf"}),
        '{"objects": 3, "x": "classTitle"}',
        '["classTitle"]',
        '{"classTitle',
    ],
)
def test_a_text_that_needs_nothing_or_is_broken_stays_as_it_is(text):
    assert complete_text(text, SHAPES) == text


def test_completing_again_changes_nothing():
    once = complete_text(annotation({"classTitle": "leaf", "points": POINTS}), SHAPES)

    assert '"geometryType":"rectangle"' in once
    assert complete_text(once, SHAPES) == once
