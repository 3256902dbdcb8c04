"""Labels as columns, and the questions about them, compared with values by hand and with brute force."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.insights import suspicious
from agent.insights.areas import NOWHERE, BrokenLabel, Extent, measure
from agent.insights.frames import frames
from agent.insights.labels import Gathering, Labels
from agent.insights.places import COLUMNS, ROWS, heat
from agent.insights.question import images_of, is_about_pictures
from agent.insights.sizes import BORDERS, SIZES, by_class
from agent.insights.suspicious import IMAGE_KINDS, LABEL_KINDS, SAME, suspicious_labels
from agent.insights.together import together
from tests.support.labeled_project import shape

SHAPES = ("rectangle", "line", "bitmap", "point")  # of the classes 0 to 3


def gathered(*images, tags=()) -> Labels:
    """Images of 100×80 pixels; a label is its class and its points, None for one that is broken."""
    gathering = Gathering()
    for labels in images:
        gathering.image(100, 80, {"size": {"width": 100, "height": 80}}, tags)
        for place, points in labels:
            label = shape("any", points or [])
            try:
                extent = measure(label, SHAPES[place], 100, 80) if points is not None else None
            except BrokenLabel:
                extent = None
            gathering.label(label, place, SHAPES[place], extent)
    return gathering.gathered()


def found(question: str, labels: Labels, place: int | None = None) -> list[int]:
    return np.flatnonzero(images_of(question, labels, place)).tolist()


def box(left, top, right, bottom):
    return (0, [[left, top], [right, bottom]])


def test_labels_are_found_by_what_is_wrong_with_them():
    line, point = [[10, 10], [90, 70]], [[5, 5]]
    labels = gathered(
        [box(10, 10, 30, 30), (1, line), (3, point)],  # nothing is wrong
        [],
        [(0, None)],
        [box(5, 5, 7, 9)],  # 15 pixels
        [box(100, 5, 120, 20)],
        [box(-30, 5, 20, 20)],
        [box(0, 0, 100, 80)],  # one pixel beyond: the edge as a coordinate
        [box(10, 10, 60, 60), box(10, 10, 60, 61), box(10, 10, 40, 60)],
        [(1, line), (1, [[10, 70], [90, 10]])],  # crossing lines have the same box
        [(1, line), (1, line), (3, point), (3, point)],
    )

    assert {kind: found(kind, labels) for kind in (*LABEL_KINDS, *IMAGE_KINDS)} == {
        "broken": [2],
        "empty": [],
        "tiny": [3],
        "outside": [4],
        "beyond": [5],
        "twice": [7, 9],
        "unreadable": [],
        "unlabeled": [1],
        "resized": [],
        "both": [],
    }
    assert found("twice", labels, place=1) == [9]
    assert np.count_nonzero(suspicious_labels(labels, "twice")) == 3


def test_images_are_found_by_their_annotation_and_tags():
    gathering = Gathering()
    gathering.image(100, 80, None, [])
    gathering.image(100, 80, {"size": {"width": 80, "height": 100}}, ["train", "other"])
    gathering.image(100, 80, {"size": {"width": "wide"}}, ["val", "train"])
    gathering.image(1 << 40, 80, {}, ["val"])
    gathering.label({"bitmap": {}}, 0, "bitmap", NOWHERE)
    gathering.label(shape("p", [[1, 1], [9, 9]]), 0, "polygon", Extent(0, 1, 1, 9, 9))
    labels = gathering.gathered()

    assert [found(kind, labels) for kind in ("unreadable", "resized", "both", "unlabeled")] == [[0], [1], [2], [1, 2]]
    assert np.count_nonzero(suspicious_labels(labels, "empty")) == 2
    assert found("empty", labels) == [3]


def test_a_project_without_images_answers_every_question():
    labels = gathered()

    assert all(found(kind, labels) == [] for kind in (*LABEL_KINDS, *IMAGE_KINDS, "size.1", "place.1.1", "frame.1x1"))
    assert (by_class(labels, 0).shape, heat(labels).sum(), len(frames(labels)[0])) == ((0, SIZES), 0, 0)
    assert [part.size for part in together(labels, 0)] == [0, 0]


@pytest.mark.parametrize(
    "question",
    ["", "tiny.1", "size", "size.-1", "place.1", "frame.1x", "near", "size.1x2", "place.24.0", "place.0.18", "лист"],
)
def test_what_is_no_question_about_labels_is_refused(question):
    with pytest.raises(BadInput, match="is no finding"):
        images_of(question, gathered([]))


def test_questions_about_pictures_are_told_from_those_about_labels():
    assert [is_about_pictures(word) for word in ("near", "near.12", "leak", "tiny", "near.x")] == [True] * 3 + [
        False
    ] * 2


def test_columns_are_kept_and_damage_is_noticed():
    labels = gathered([box(1, 2, 3, 4)], tags=("train",))
    again = Labels.from_bytes(labels.to_bytes())

    assert again.boxes.tolist() == [[1, 2, 3, 4]]
    assert again.splits.tolist() == [1]
    for damaged in (b"", b"damaged", labels.to_bytes()[:-1], b"\x80"):
        with pytest.raises(ValueError):  # noqa: PT011 - of several libraries
            Labels.from_bytes(damaged)


POINT = st.tuples(st.integers(-30, 130), st.integers(-30, 110)).map(list)
LABEL = st.tuples(st.integers(0, 3), st.none() | st.lists(POINT, min_size=1, max_size=3))
IMAGES = st.lists(st.lists(LABEL, max_size=5), max_size=4)


@given(IMAGES)
def test_cells_and_sizes_lead_to_every_image_that_they_count(images):
    labels = gathered(*images)
    heated, sized = heat(labels), by_class(labels, len(SHAPES))

    assert heated.sum() <= len(labels.images)
    for row, column in zip(*np.nonzero(heated), strict=True):
        assert 1 <= len(found(f"place.{column}.{row}", labels)) <= heated[row, column]
    assert sum(heat(labels, place).sum() for place in range(len(SHAPES))) == heated.sum()
    for place, size in zip(*np.nonzero(sized), strict=True):
        assert 1 <= len(found(f"size.{size}", labels, int(place))) <= sized[place, size]
    assert heated.shape[::-1] == (COLUMNS, ROWS)


@given(IMAGES)
def test_classes_that_are_together_are_counted_by_images(images):
    labels = gathered(*images)
    chosen, counts = together(labels, len(SHAPES))
    has = [{place for place, _ in image} for image in images]

    assert set(chosen.tolist()) == set().union(*has)
    for row, one in enumerate(chosen):
        for column, other in enumerate(chosen):
            assert counts[row, column] == sum({int(one), int(other)} <= here for here in has)


def test_many_equal_labels_are_found_in_few_steps(monkeypatch):
    monkeypatch.setattr(suspicious, "MOST_COMPARED", 1)
    labels = gathered([box(10, 10, 60, 60)] * 50)
    assert np.count_nonzero(suspicious_labels(labels, "twice")) == 49


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), max_size=12), st.booleans())
def test_labels_that_are_there_twice_are_those_that_overlap_an_earlier_one(corners, is_doubled):
    boxes = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    boxes += [(a, b, c + 1, d) for a, b, c, d in boxes] if is_doubled else []
    labels = gathered([box(*corner) for corner in boxes])

    def area(left, top, right, bottom):
        return max(0, right - left + 1) * max(0, bottom - top + 1)

    def are_same(a, b):
        shared = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
        return shared >= SAME * (area(*a) + area(*b) - shared)

    same = {j for (i, a), (j, b) in combinations(enumerate(boxes), 2) if are_same(a, b)}
    assert set(np.flatnonzero(suspicious_labels(labels, "twice")).tolist()) == same


def test_a_label_has_the_size_behind_the_last_border_that_it_reaches():
    side = BORDERS[2]
    labels = gathered([box(0, 0, side - 1, side - 1), box(0, 0, side - 1, side - 2), (1, [[0, 0], [50, 50]])])

    assert by_class(labels, 2).tolist() == [[0, 0, 1, 1, 0, 0, 0, 0], [0] * SIZES]


def test_sizes_of_images_are_counted_the_most_frequent_first():
    gathering = Gathering()
    for width, height in ((4, 3), (8, 6), (8, 6), (3, 4)):
        gathering.image(width, height, {}, [])
    sizes, counts = frames(gathering.gathered())

    assert (sizes[0].tolist(), counts.tolist()) == ([8, 6], [2, 1, 1])
    assert Counter(map(tuple, sizes.tolist())) == {(8, 6): 1, (4, 3): 1, (3, 4): 1}
    assert found("frame.8x6", gathering.gathered()) == [1, 2]
