"""public_api/coordinates.py: pixels here, sub-pixels there, and nothing moves."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.label_shapes import with_geometry
from web_stub.public_api.coordinates import to_pixels, to_subpixels

SHAPES = {"box": "rectangle", "leaf": "polygon", "path": "line", "spot": "point", "mask": "bitmap", "thing": "any"}
SIZE = {"width": 8, "height": 6}


def annotation(*objects):
    return {"description": "", "size": SIZE, "tags": [], "objects": list(objects)}


def shape(title, exterior, interior=(), **more):
    return {"classTitle": title, "tags": [], "points": {"exterior": exterior, "interior": list(interior)}, **more}


def exterior_of(converted):
    return converted["objects"][0]["points"]["exterior"]


def test_a_rectangle_ends_where_its_last_pixel_ends():
    pixels = annotation(shape("box", [[2, 1], [5, 4]]))
    wire = annotation(shape("box", [[2, 1], [6, 5]]))

    assert to_subpixels(pixels, SHAPES) == wire
    assert to_pixels(wire, SHAPES) == pixels


@pytest.mark.parametrize("title", ["leaf", "path", "spot"])
def test_vertices_lie_in_the_middle_of_their_pixels(title):
    assert exterior_of(to_subpixels(annotation(shape(title, [[3, 2]])), SHAPES)) == [[3.5, 2.5]]
    assert exterior_of(to_pixels(annotation(shape(title, [[3.5, 2.5], [3.99, 2.0]])), SHAPES)) == [[3, 2], [3, 2]]


def test_the_edge_of_the_image_belongs_to_its_last_pixel():
    assert exterior_of(to_pixels(annotation(shape("leaf", [[8, 6], [0, 6.0], [8.0, 0]])), SHAPES)) == [
        [7, 5],
        [0, 5],
        [7, 0],
    ]


def test_a_rectangle_with_corners_in_another_order_stays_the_same_rectangle():
    for corners in ([[6, 5], [2, 1]], [[2, 5], [6, 1]], [[6, 1], [2, 5]]):
        assert exterior_of(to_pixels(annotation(shape("box", corners)), SHAPES)) == [[2, 1], [5, 4]]


def test_the_object_says_its_shape_louder_than_its_class():
    one = annotation(shape("thing", [[2, 1], [6, 5]], geometryType="rectangle"))

    assert exterior_of(to_pixels(one, SHAPES)) == [[2, 1], [5, 4]]
    assert exterior_of(to_pixels(annotation(shape("thing", [[2.5, 1.5], [6.5, 5.5]])), SHAPES)) == [[2, 1], [6, 5]]


def test_a_rectangle_between_pixels_has_those_it_covers_enough_of():
    assert exterior_of(to_pixels(annotation(shape("box", [[2.8, 1.2], [6.4, 5.1]])), SHAPES)) == [[3, 1], [6, 4]]
    assert exterior_of(to_pixels(annotation(shape("box", [[2.2, 1.2], [2.6, 1.4]])), SHAPES)) == [[2, 1], [2, 1]]


def test_bitmaps_stay_and_nodes_of_graphs_move_to_the_middle_of_pixels():
    mask = {"classTitle": "mask", "tags": [], "bitmap": {"origin": [3.0, 2.0], "data": "eJw="}}
    graph = {"classTitle": "g", "tags": [], "nodes": {"a": {"loc": [1, 2]}, "b": {"loc": [3, 4], "disabled": True}}}
    wire = to_subpixels(annotation(mask, graph), SHAPES)

    assert wire["objects"][0]["bitmap"] == {"origin": [3, 2], "data": "eJw="}
    assert wire["objects"][1]["nodes"] == {"a": {"loc": [1.5, 2.5]}, "b": {"loc": [3.5, 4.5], "disabled": True}}
    assert to_pixels(wire, SHAPES)["objects"][1] == graph


coordinates = st.tuples(st.integers(0, 7), st.integers(0, 5)).map(list)
rectangles = st.tuples(coordinates, coordinates).map(
    lambda corners: shape(
        "box", [[min(pair) for pair in zip(*corners, strict=True)], [max(pair) for pair in zip(*corners, strict=True)]]
    )
)
rings = st.lists(coordinates, min_size=3, max_size=6)
polygons = st.tuples(rings, st.lists(rings, max_size=2)).map(lambda r: shape("leaf", r[0], r[1]))
points = coordinates.map(lambda c: shape("spot", [c]))


@given(st.lists(st.one_of(rectangles, polygons, points), max_size=5))
def test_there_and_back_moves_no_shape_by_a_pixel(objects):
    pixels = annotation(*objects)
    wire = json.loads(json.dumps(to_subpixels(pixels, SHAPES)))

    assert to_pixels(wire, SHAPES) == pixels


def test_every_object_leaves_with_its_geometry():
    (box, odd) = with_geometry(annotation(shape("box", [[0, 0], [1, 1]]), shape("thing", [])), SHAPES)["objects"]

    assert (box["geometryType"], box["shape"]) == ("rectangle", "rectangle")
    assert "geometryType" not in odd
