"""What a task needs of a node, and what a node lacks for it."""

from __future__ import annotations

import pytest

from agent.needs import Needs, Offer, lacks, needs_of, read_needs


@pytest.mark.parametrize(
    ("gpus", "labels", "expected"),
    [
        ("auto", {}, Needs()),
        ("none", {}, Needs()),
        ("all", {}, Needs(gpus=1)),
        ("0", {}, Needs(gpus=1)),
        ("0,2", {"zone": "lab"}, Needs({"zone": "lab"}, 3)),
        ("GPU-6f1c", {}, Needs(gpus=1)),
    ],
)
def test_needs_are_the_labels_and_the_gpus_that_were_asked_for(gpus, labels, expected):
    assert needs_of(gpus, labels) == expected
    assert read_needs(str(expected)) == expected
    assert bool(expected) is (str(expected) != "{}")


def test_the_same_needs_have_the_same_text():
    assert str(Needs({"a": "1", "b": "2"}, 1)) == str(Needs({"b": "2", "a": "1"}, 1))
    assert read_needs(None) == Needs()


@pytest.mark.parametrize(
    ("needs", "offer", "expected"),
    [
        (Needs(), Offer(), ""),
        (Needs({"gpu": "a100"}), Offer({"gpu": "a100", "zone": "lab"}), ""),
        (Needs({"gpu": "a100"}), Offer({"gpu": "t4"}), "label gpu=a100"),
        (Needs(gpus=1), Offer(gpus=0), "a GPU"),
        (Needs(gpus=3), Offer(gpus=2), "3 GPUs"),
        (Needs(gpus=3), Offer(gpus=None), ""),
    ],
)
def test_what_a_node_lacks_is_said_in_words(needs, offer, expected):
    assert lacks(needs, offer) == expected
