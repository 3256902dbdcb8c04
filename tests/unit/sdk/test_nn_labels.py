"""Conversion of arrays to labels, and suppression of overlapping labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.annotation.label import Label
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_meta import TagMeta, TagValueType
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted._nms import suppress
from supervisely_lib.nn.raw_to_labels import (
    DetectionNetworkPrediction,
    detection_preds_to_sly_rects,
    segmentation_array_to_sly_bitmaps,
    segmentation_scores_to_per_class_labels,
)

MASKS = {0: ObjClass("ground", Bitmap), 2: ObjClass("leaf", Bitmap), 5: ObjClass("absent", Bitmap)}
BOXES = {1: ObjClass("car", Rectangle), 2: ObjClass("bike", Rectangle)}
SCORE = TagMeta("confidence", TagValueType.ANY_NUMBER)


def test_each_class_that_has_a_pixel_gives_one_mask() -> None:
    labels = segmentation_array_to_sly_bitmaps(MASKS, np.array([[0, 2, 2], [7, 0, 2]]))

    assert [(label.obj_class.name, label.geometry.area) for label in labels] == [("ground", 2), ("leaf", 3)]


def test_masks_begin_where_the_array_was_cut_out() -> None:
    [label] = segmentation_array_to_sly_bitmaps({2: MASKS[2]}, np.array([[0, 2]]), origin=PointLocation(10, 20))

    assert (label.geometry.origin.row, label.geometry.origin.col) == (10, 21)


def test_scores_keep_one_channel_per_class() -> None:
    scores = np.random.default_rng(0).random((4, 5, 6))

    labels = segmentation_scores_to_per_class_labels(MASKS, scores)

    assert [label.obj_class.name for label in labels] == ["ground", "leaf", "absent"]
    assert np.array_equal(labels[1].geometry.data, scores[:, :, 2:3])


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_detections_above_the_threshold_become_rectangles(batched: bool, count: int) -> None:
    boxes = np.array([[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1], [0.25, 0.25, 0.5, 0.5]])[:count]
    scores, classes = np.array([0.91234567, 0.3, 0.8])[:count], np.array([1.0, 2.0, 2.0])[:count]
    arrays = [array[np.newaxis] if batched else array for array in (boxes, scores, classes)]

    labels = detection_preds_to_sly_rects(BOXES, DetectionNetworkPrediction(*arrays), (100, 200, 3), 0.3, SCORE)

    found = [(label.obj_class.name, box(label), label.tags.get("confidence").value) for label in labels]
    assert found == [("car", (10, 40, 50, 120), 0.9123), ("bike", (25, 50, 50, 100), 0.8)][: (count + 1) // 2]


def test_detections_whose_arrays_differ_in_length_are_refused() -> None:
    prediction = DetectionNetworkPrediction(np.zeros((1, 3, 4)), np.zeros((1, 2)), np.zeros((1, 3)))

    with pytest.raises(ValueError, match="3 boxes, 2 scores and 3 classes: the numbers must agree"):
        detection_preds_to_sly_rects(BOXES, prediction, (100, 200, 3), 0.3, SCORE)


def box(label: Label) -> tuple[int, int, int, int]:
    shape: Any = label.geometry
    return shape.top, shape.left, shape.bottom, shape.right


def scored(score: float, top: int, left: int, bottom: int, right: int, obj_class: ObjClass = BOXES[1]) -> Label:
    return Label(Rectangle(top, left, bottom, right), obj_class).add_tag(Tag(SCORE, value=score))


def kept(labels: list[Label], threshold: float) -> list[float]:
    return [label.tags.get("confidence").value for label in suppress(labels, threshold, "confidence")]


def test_the_more_confident_of_two_stays() -> None:
    assert kept([scored(0.9, 0, 0, 9, 9), scored(0.8, 0, 0, 9, 8)], 0.5) == [0.9]
    assert kept([scored(0.8, 0, 0, 9, 8), scored(0.9, 0, 0, 9, 9)], 0.5) == [0.9]


def test_a_suppressed_box_still_suppresses_weaker_ones() -> None:
    chain = [scored(0.9, 0, 0, 9, 9), scored(0.8, 0, 6, 9, 15), scored(0.7, 0, 12, 9, 21)]

    assert kept(chain, 0.1) == [0.9]


def test_boxes_of_different_classes_do_not_meet() -> None:
    assert kept([scored(0.9, 0, 0, 9, 9), scored(0.8, 0, 0, 9, 9, obj_class=BOXES[2])], 0.0) == [0.9, 0.8]


def test_corner_pixels_belong_to_a_box() -> None:
    neighbours = [scored(0.9, 0, 0, 9, 9), scored(0.8, 0, 10, 9, 19)]
    touching = [scored(0.9, 0, 0, 9, 9), scored(0.8, 9, 9, 18, 18)]

    assert kept(neighbours, 0.0) == [0.8, 0.9]
    assert kept(touching, 0.0) == [0.9]
    assert kept(touching, 1 / 199) == [0.8, 0.9]


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 9), st.integers(0, 9), st.integers(0, 5)),
        max_size=12,
    ),
    st.sampled_from([0.0, 0.2, 0.7, 1.0]),
)
def test_nothing_that_stays_overlaps_something_stronger(boxes: list[tuple[int, ...]], threshold: float) -> None:
    labels = [scored(score, top, left, top + h, left + w) for top, left, h, w, score in boxes]

    stay = suppress(labels, threshold, "confidence")

    for label in stay:
        score = label.tags.get("confidence").value
        stronger = [other for other in labels if other.tags.get("confidence").value > score]
        assert all(iou(box(label), box(other)) <= threshold for other in stronger)
    if labels:
        assert max(label.tags.get("confidence").value for label in stay) == max(score for *_, score in boxes)


def iou(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    def pixels(corners: tuple[int, ...]) -> set[tuple[int, int]]:
        top, left, bottom, right = corners
        return {(row, col) for row in range(top, bottom + 1) for col in range(left, right + 1)}

    a, b = pixels(first), pixels(second)
    return len(a & b) / len(a | b)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        (Label(Bitmap(np.ones((2, 2), dtype=bool)), MASKS[0]), "expects labels with Rectangle geometry"),
        (Label(Rectangle(0, 0, 1, 1), BOXES[1]), 'expects "confidence" tag in labels'),
        (
            Label(Rectangle(0, 0, 1, 1), BOXES[1]).add_tag(Tag(TagMeta("confidence", TagValueType.ANY_STRING), "high")),
            'expects "confidence" tag to have type any_number',
        ),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(label: Label, sentence: str) -> None:
    with pytest.raises(RuntimeError, match=sentence):
        suppress([label], 0.5, "confidence")
