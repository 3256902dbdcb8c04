from __future__ import annotations

import base64
import io
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.formats.annotation import Frame, annotation_problems
from agent.formats.meta import check_meta, read_meta

META = {
    "classes": [
        {"title": "leaf", "shape": "bitmap", "color": "#2FA84F", "geometry_config": {}},
        {"title": "box", "shape": "rectangle", "color": "#0000ff"},
        {"title": "area", "shape": "polygon", "color": "#0000FF"},
        {"title": "spot", "shape": "point", "color": "#0000FF"},
        {"title": "pose", "shape": "graph", "color": "#0000FF", "geometry_config": {"nodes": {"a": {}}, "edges": []}},
        {"title": "thing", "shape": "any", "color": "#0000FF"},
        {"title": "later", "shape": "mask_3d", "color": "#0000FF"},
        {"title": "box3", "shape": "cuboid", "color": "no color"},
    ],
    "tags": [
        {"name": "train", "value_type": "none", "color": "#010203"},
        {"name": "q", "value_type": "oneof_string", "values": ["a", "b"]},
        {"name": "n", "value_type": "any_number"},
        {"name": "s", "value_type": "any_string"},
        "plain",
    ],
}
FACES = "objects[0].faces is not a list of 3 faces, each of 4 numbers of points."


def mask_text(*rows: str) -> str:
    picture, out = Image.new("1", (len(rows[0]), len(rows))), io.BytesIO()
    picture.putdata([255 * (pixel == "1") for row in rows for pixel in row])
    picture.save(out, "PNG")
    return base64.b64encode(zlib.compress(out.getvalue())).decode()


MASK, EMPTY_MASK = mask_text("10", "11"), mask_text("00", "00")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["size", "tags", "objects", "classTitle", "points", "name", "title", "x"]), inner
        )
    ),
    max_leaves=15,
)


def annotation(*objects, tags=(), height=6, width=8):
    return {"description": "", "size": {"height": height, "width": width}, "tags": list(tags), "objects": list(objects)}


def label(title, tags=(), **geometry):
    return {"classTitle": title, "tags": list(tags), **geometry}


def points(exterior, interior=()):
    return {"exterior": exterior, "interior": list(interior)}


def mask(data):
    return annotation(label("leaf", bitmap={"origin": [0, 0], "data": data}))


def said(value, size=None):
    meta, wrong = check_meta(META)
    assert not wrong
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    frame = None if size is None else Frame(*size)
    return [
        f"{problem.place} {problem.sentence}".strip() for problem in annotation_problems(data, meta, "a.json", frame)
    ]


def test_an_annotation_of_either_generation_is_accepted():
    old = annotation(
        label("leaf", ["train"], bitmap={"origin": [3, 2], "data": MASK}),
        label("box", points=points([[2, 1], [5, 4]])),
        label("area", points=points([[0, 0], [1.5, 0], [1, 1]], [[[0, 0], [1, 0], [1, 1]]])),
        label("spot", points=points([[0, 0]])),
        label("pose", nodes={"a": {"loc": [1, 2]}}),
        tags=["train", {"name": "q", "value": "a"}, {"name": "n", "value": 1.5}, {"name": "s", "value": ""}, "plain"],
    )
    new = annotation(
        label(
            "thing", [{"name": "train"}], geometryType="rectangle", shape="rectangle", points=points([[0, 0], [1, 1]])
        ),
        tags=[{"name": "train", "value": None, "labelerLogin": "x"}],
    )

    assert said(old, (8, 6)) == said(new | {"customBigData": {}}) == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"{", "line 1 column 2 is not JSON: it ends in the middle of a value."),
        (b'{\n "size": nope}', "line 2 column 10 is not JSON: expecting value."),
        ([], "is not a JSON object."),
        (annotation() | {"size": None}, "size is missing or not an object."),
        (annotation(height=0), "size.height 0 is not a whole number above 0."),
        (annotation(width=True), "size.width True is not a whole number above 0."),
        (annotation(width="8"), "size.width '8' is not a whole number above 0."),
        (annotation(height=7), "size is 8×7 but the image is 8×6 (width×height)."),
        (annotation() | {"tags": None}, "tags is missing or not a list."),
        (annotation() | {"objects": {"a": 1}}, "objects is missing or not a list."),
        ({"imageId": 1, "annotation": annotation()}, "is an answer of the API."),
        (annotation(tags=["trane"]), "tags[0] tag 'trane' is not in meta.json."),
        (annotation(tags=[{"value": 1}]), "tags[0] has no name."),
        (
            annotation(tags=[{"name": "train", "value": 1}]),
            "tags[0].value value 1 does not fit tag 'train' of type none.",
        ),
        (annotation(tags=["q"]), "tags[0].value value nothing does not fit tag 'q' of type oneof_string."),
        (
            annotation(tags=[{"name": "n", "value": "1"}]),
            "tags[0].value value '1' does not fit tag 'n' of type any_number.",
        ),
        (annotation(3), "objects[0] is not a JSON object."),
        (annotation({"tags": []}), "objects[0].classTitle is missing or not text."),
        (annotation(label("tree")), "objects[0].classTitle class 'tree' is not in meta.json."),
        (annotation(label("leaf")), "objects[0].bitmap is missing, or lacks origin or data."),
        (annotation(label("box")), "objects[0].points is missing; a rectangle needs it."),
        (
            annotation(label("box", points=points([[0, 0]]))),
            "objects[0].points.exterior has 1 points; a rectangle needs 2.",
        ),
        (annotation(label("area", points=points([[0]]))), "objects[0].points.exterior is not a list of points [x, y]."),
        (annotation(label("spot", points={"exterior": [[0, 0]]})), "objects[0].points.interior is missing."),
        (annotation(label("pose")), "objects[0].nodes is missing."),
        (
            annotation({"classTitle": "box", "points": points([[0, 0], [1, 1]])}),
            "objects[0].tags is missing or not a list.",
        ),
        (annotation(label("pose", nodes={})), "objects[0].nodes is empty; a graph has at least one node."),
        (
            annotation(label("pose", nodes={"b": {"loc": [1, 1]}})),
            "objects[0].nodes has node 'b', which is not in the geometry_config of its class.",
        ),
        (
            annotation(label("pose", nodes={"a": {"loc": None}})),
            "objects[0].nodes has node 'a' without a location [x, y].",
        ),
        (
            annotation(label("thing", points=points([[0, 0]]))),
            "objects[0].shape and geometryType are missing; the class may have any shape.",
        ),
        (
            annotation(label("thing", geometryType="any")),
            "objects[0].geometryType is 'any', which no plugin reads in a class of any shape.",
        ),
        (
            annotation(label("later")),
            "objects[0].classTitle is a class of shape mask_3d, whose objects no plugin reads.",
        ),
        (
            annotation(label("area", points=points([[0, 0]], [[]]))),
            "objects[0].points.interior has a hole without points.",
        ),
        (
            annotation(label("area", points=points([[0, 0]], [None]))),
            "objects[0].points.interior is not a list of lists of points [x, y].",
        ),
        (
            annotation(label("area", points=points([[0, 10**30]]))),
            "objects[0].points.exterior is not a list of points [x, y].",
        ),
        (mask(""), "objects[0].bitmap.data is not an image, or the image is cut off."),
        (mask("data:image/png;base64,AAAA"), "objects[0].bitmap.data is not base64."),
        (mask(EMPTY_MASK), "objects[0].bitmap.data has no pixel."),
        (mask(base64.b64encode(b"hello").decode()), "objects[0].bitmap.data is not an image, or the image is cut off."),
        (annotation(label("box3", points=[[0, 0]] * 4, faces=[[0, 1, 2, 3]] * 2)), FACES),
    ],
)
def test_a_broken_annotation_gets_the_sentence_and_the_place(value, sentence):
    assert said(value, (8, 6)) == [sentence]


def test_all_problems_of_an_annotation_are_found():
    broken = annotation(label("tree", ["x"]), label("leaf"), tags=["y"], height=-1)

    assert len(said(broken)) == 5


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        ({"classes": None}, ["classes is not a list."]),
        ({"classes": {"a": 1}}, ["classes is not a list."]),
        ({"tags": None}, ["tags is not a list."]),
        ({"classes": ["leaf"]}, ["classes[0] is not a JSON object."]),
        ({"classes": [{"shape": "bitmap", "color": "#000000"}]}, ["classes[0].title is missing or not text."]),
        (
            {"classes": [{"title": "a", "shape": "blob", "color": [1, 2, 3]}]},
            ["classes[0].shape 'blob' is not a shape.", "classes[0].color a list is not a color."],
        ),
        ({"classes": [META["classes"][0]] * 2}, ["classes[1].title 'leaf' appears twice."]),
        ({"tags": [{"name": "a"}]}, ["tags[0].value_type nothing is not a value type."]),
        ({"tags": [{"name": "a", "value_type": "oneof_string"}]}, ["tags[0].values is missing or not a list of text."]),
        (
            {"tags": [{"name": "a", "value_type": "none", "values": ["x"]}]},
            ["tags[0].values is not allowed for none."],
        ),
        ({"tags": ["a", "a"]}, ["tags[1].name 'a' appears twice."]),
        (
            {"classes": [{"title": "a", "shape": "graph", "color": "#000000"}]},
            ["classes[0].geometry_config is missing, or has no nodes; every class of graphs needs them."],
        ),
        (
            {"tags": [{"name": "d", "value_type": "date"}]},
            ["tags[0].value_type 'date' is a value type that no SDK of plugins reads."],
        ),
        ({"tags": [{"name": "a", "value_type": "none", "values": []}]}, ["tags[0].values is not allowed for none."]),
        ({"tags_images": ["a"]}, ["tags stands beside tags_images or tags_objects."]),
        (
            {"tags": [], "tags_images": ["a"], "tags_objects": [{"name": "a", "value_type": "any_number"}]},
            ["tags_objects[0] 'a' is defined in two ways."],
        ),
    ],
)
def test_a_broken_meta_gets_every_problem(change, sentences):
    _, problems = check_meta(META | change)

    assert [f"{problem.place} {problem.sentence}" for problem in problems] == sentences


def test_legacy_tag_lists_are_merged():
    meta, problems = check_meta({"classes": [], "tags_images": ["a"], "tags_objects": ["a", "b"]})

    assert not problems
    assert sorted(meta.tags) == ["a", "b"]


def test_meta_that_is_not_json_is_placed():
    assert [str(problem) for problem in read_meta(b'{"classes": [],}')[1]] == [
        "meta.json: line 1 column 16: is not JSON: there is a comma after the last item. Remove the comma."
    ]
    assert str(read_meta(b"3")[1][0]).startswith("meta.json: is not a JSON object.")


@given(JSON)
def test_no_json_makes_a_check_raise(value):
    data = json.dumps(value).encode()
    meta, _ = read_meta(data)
    annotation_problems(data, meta, "a.json", Frame(8, 6))
    said(annotation(value, tags=[value]))
    check_meta({"classes": [value], "tags": [value], "tags_images": value})


@given(st.binary())
def test_no_bytes_make_a_check_raise(data):
    read_meta(data)
    assert said(data)
