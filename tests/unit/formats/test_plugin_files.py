from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.plugin_files import parse_info, parse_presets, parse_version


@pytest.mark.parametrize(
    ("text", "image", "tag"),
    [
        (b"nn-unet-v2:5.8.0", "nn-unet-v2", "5.8.0"),
        (b"nn-unet-v2:5.8.0\n\n", "nn-unet-v2", "5.8.0"),
        (b"some/prefix/nn-icnet:4.0.0", "some/prefix/nn-icnet", "4.0.0"),
        (b"a__b--c.d:_x-Y.1", "a__b--c.d", "_x-Y.1"),
    ],
)
def test_version_gives_name_and_tag(text, image, tag):
    assert parse_version(text) == (image, tag, [])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "is empty."),
        (b"\n", "is empty."),
        (b"\xef\xbb\xbfnn-net:1.0", "starts with a byte order mark."),
        (b"nn-net:1.0\r\n", "has Windows line ends."),
        (b"nn-net:1.0\nnn-net:1.1", "has 2 lines."),
        (b"nn-net", "'nn-net' has 0 colons instead of one."),
        (b"host:5000/nn-net:1.0", "'host:5000/nn-net:1.0' has 2 colons instead of one."),
        (b"NN-Net:1.0", "'NN-Net' is not an image name: lower-case letters and digits, with . _ - / between them."),
        (b"nn-net :1.0", "'nn-net ' is not an image name: lower-case letters and digits, with . _ - / between them."),
        (b"nn-net:", "'' is not a tag: at most 128 letters, digits, dots, dashes and underscores."),
        (b"nn-net:1.0 ", "'1.0 ' is not a tag: at most 128 letters, digits, dots, dashes and underscores."),
        (b"\xff:1", "'\ufffd' is not an image name: lower-case letters and digits, with . _ - / between them."),
    ],
)
def test_a_malformed_version_gets_one_sentence(text, sentence):
    _, _, problems = parse_version(text)

    assert [(problem.file, problem.sentence) for problem in problems] == [("VERSION", sentence)]


@given(st.binary() | st.from_regex(r"\A[a-z0-9._/:\n-]{0,40}\Z").map(str.encode))
def test_any_version_gives_a_reference_docker_takes_or_a_problem(data):
    image, tag, problems = parse_version(data)

    assert bool(problems) != bool(image and tag)
    assert ":" not in image + tag


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({}, ["title: is missing.", "type: is missing."]),
        ({"title": 3, "type": "architecture"}, ["title: is a number instead of text."]),
        ({"title": " ", "type": "architecture"}, ["title: is empty."]),
        (
            {"title": "Net", "type": "architekture"},
            ["type: 'architekture' is unknown. Use one of architecture, import, custom, dtl, python, agent."],
        ),
        (
            {"title": "Net", "type": "architecture", "description": []},
            ["description: is a list instead of text."],
        ),
    ],
)
def test_a_malformed_plugin_info_gets_every_problem(info, said):
    _, problems = parse_info(json.dumps(info).encode())

    assert [str(problem) for problem in problems] == [f"plugin_info.json: {one}" for one in said]


def test_a_plugin_info_that_is_not_an_object_or_repeats_a_key_is_refused():
    assert [p.sentence for p in parse_info(b"[]")[1]] == ["is a list instead of an object."]
    assert [str(p) for p in parse_info(b'{"title": "a", "title": "b", "type": "architecture"}')[1]] == [
        "plugin_info.json: title: appears twice. Keep one of them."
    ]


def test_presets_are_given_in_their_order():
    presets = [
        {"title": "b", "type": "train", "config": {"lr": 1.0}},
        {"title": "a", "type": "inference", "config": {}},
    ]

    assert parse_presets(json.dumps(presets).encode(), "architecture") == (tuple(presets), [])


def test_the_guides_commented_sample_is_refused_with_the_place_of_the_comment():
    _, problems = parse_presets(b'[\n  {\n    "title": "x", # shown in the UI\n  },\n]', "architecture")

    assert [str(problem) for problem in problems] == [
        "predefined_run_configs.json: line 3 column 19: is not JSON: comments are not allowed. Remove the comment."
    ]


def test_malformed_presets_get_every_problem():
    presets = [7, {"title": "x", "type": "trian", "config": {}}, {"title": None, "config": []}]

    _, problems = parse_presets(json.dumps(presets).encode(), "architecture")

    assert [f"{problem.place} {problem.sentence}" for problem in problems] == [
        "[0] is a number instead of an object.",
        "[1].type 'trian' is not a kind of task.",
        "[2].title is null instead of text.",
        "[2].type is missing.",
        "[2].config is a list instead of an object.",
    ]


@given(st.binary(), st.text())
def test_any_bytes_give_fields_and_problems(data, plugin_type):
    parse_info(data)
    parse_presets(data, plugin_type)
