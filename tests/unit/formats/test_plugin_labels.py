from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Invalid
from agent.formats.plugin_labels import from_labels, split_reference


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


GOOD = {
    "VERSION": "docker.example.com/nn-net:5.8.0",
    "INFO": encoded({"title": "Net", "description": "d", "type": "architecture"}),
    "MODES": "train inference deploy",
    "README": base64.b64encode("# Größe".encode()).decode(),
    "CONFIGS": encoded([{"title": "t", "type": "train", "config": {"lr": 0.1}}]),
}


def test_official_labels_give_the_plugin():
    plugin = from_labels(GOOD, "docker.example.com/nn-net:5.8.0")

    assert (plugin.title, plugin.description, plugin.type) == ("Net", "d", "architecture")
    assert (plugin.image, plugin.tag) == ("docker.example.com/nn-net", "5.8.0")
    assert plugin.modes == ("train", "inference", "deploy")
    assert plugin.readme == "# Größe"
    assert plugin.configs == ({"title": "t", "type": "train", "config": {"lr": 0.1}},)
    assert plugin.warnings == ()


def test_empty_labels_are_replaced_by_defaults_and_warned_of():
    plugin = from_labels({"MODES": "train", "INFO": "", "README": "", "CONFIGS": ""}, "reg:5000/a/nn-net")

    assert (plugin.title, plugin.type, plugin.image, plugin.tag) == (
        "nn-net",
        "architecture",
        "reg:5000/a/nn-net",
        "latest",
    )
    assert [problem.file for problem in plugin.warnings] == ["label INFO"]


def test_presets_with_comments_do_not_stop_an_image_that_runs():
    commented = base64.b64encode(b"[ # x\n]").decode()

    plugin = from_labels(GOOD | {"CONFIGS": commented}, "nn-net:1")

    assert plugin.configs == ()
    assert [str(problem) for problem in plugin.warnings] == [
        "label CONFIGS: line 1 column 3: is not JSON: comments are not allowed. Remove the comment."
    ]


def test_wrapped_base64_is_read():
    text = GOOD["INFO"]

    assert from_labels(GOOD | {"INFO": text[:20] + "\n" + text[20:]}, "nn-net:1").title == "Net"


def test_an_image_without_labels_is_not_a_plugin():
    with pytest.raises(Invalid, match=r"label MODES: is missing, so this is not a plugin image\. Build the image with"):
        from_labels({"maintainer": "x"}, "python:3.11-slim")


def test_every_problem_of_the_labels_is_named():
    with pytest.raises(Invalid) as caught:
        from_labels({"MODES": "", "INFO": "%%%"}, "nn-net:1")

    assert [problem.file for problem in caught.value.problems] == ["label INFO", "label MODES"]


def test_an_image_given_by_digest_takes_its_name_from_the_version_label():
    digest = "docker.example.com/nn-net@sha256:" + "0" * 64

    assert from_labels(GOOD, digest).image == "docker.example.com/nn-net"
    with pytest.raises(Invalid, match="was given by digest and has no label VERSION"):
        from_labels({**GOOD, "VERSION": ""}, digest)


@pytest.mark.parametrize(
    ("reference", "split"),
    [
        ("nn-net", ("nn-net", "latest")),
        ("nn-net:1", ("nn-net", "1")),
        ("host:5000/nn-net", ("host:5000/nn-net", "latest")),
        ("host:5000/a/nn-net:1", ("host:5000/a/nn-net", "1")),
        ("sha256:" + "a" * 64, None),
        ("nn-net@sha256:" + "a" * 64, None),
        ("", None),
    ],
)
def test_references_are_split_at_the_tag(reference, split):
    assert split_reference(reference) == split


@given(st.dictionaries(st.sampled_from(["VERSION", "INFO", "MODES", "README", "CONFIGS"]), st.text()), st.text())
def test_any_labels_give_a_plugin_or_invalid(labels, reference):
    with contextlib.suppress(Invalid):
        assert from_labels(labels, reference).modes


@given(st.binary(), st.binary())
def test_any_bytes_in_the_labels_give_a_plugin_or_invalid(info, configs):
    labels = {"INFO": base64.b64encode(info).decode(), "CONFIGS": base64.b64encode(configs).decode(), "MODES": "train"}
    with contextlib.suppress(Invalid):
        assert from_labels(labels, "nn-net:1").title
