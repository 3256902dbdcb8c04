"""Figures of pixels, on images whose pixels are known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from agent.evaluation.counting import count_image
from agent.evaluation.counts import Counts
from agent.evaluation.figures import figures
from agent.evaluation.pixel_errors import pixel_images
from agent.evaluation.planning import make_plan
from agent.formats.mask import BadMask
from agent.formats.mask_bits import decoded
from tests.support.judged_projects import annotation, bitmap, meta, polygon
from tests.support.labeled_project import HOSTILE, mask_data

SIZE = (20, 10)


def block(title: str, left: int, top: int, width: int, height: int) -> dict[str, Any]:
    return bitmap(title, left, top, np.ones((height, width)))


def segmentation(truth: list[Any], predicted: list[Any], **options: Any) -> dict[str, Any]:
    titles = meta("any", ("apple", "pear", "neutral"))
    counts = count_image(make_plan(titles, titles, **options), annotation(*truth), annotation(*predicted), SIZE, 7)
    section: dict[str, Any] = figures(make_plan(titles, titles, **options), counts)["segmentation"]
    return section


def row(section: dict[str, Any], title: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in section["classes"] if one["title"] == title)
    return found


def test_overlap_of_a_class_is_that_of_all_its_labels() -> None:
    truth = [block("apple", 0, 0, 4, 4), block("apple", 2, 2, 4, 4)]
    section = segmentation(truth, [block("apple", 0, 0, 4, 8)])

    apple = row(section, "apple")
    assert (apple["truth_pixels"], apple["predicted_pixels"]) == (28, 32)
    assert apple["iou"] == 20 / 40
    assert apple["dice"] == 40 / 60
    assert row(section, "pear")["iou"] is None
    assert section["headline"]["mean_iou"] == 0.5


def test_a_label_that_is_covered_keeps_its_pixels_but_the_confusion_shows_what_is_seen() -> None:
    truth = [block("apple", 0, 0, 4, 4), block("pear", 2, 0, 4, 4)]
    section = segmentation(truth, [block("apple", 0, 0, 4, 4)])

    assert row(section, "apple")["iou"] == 1
    assert section["confusion"]["titles"] == ["apple", "pear", "neutral", "no label"]
    assert section["confusion"]["counts"] == [[8, 0, 0, 0], [8, 0, 0, 8], [0, 0, 0, 0], [0, 0, 0, 176]]
    assert section["headline"]["pixel_accuracy"] == (8 + 176) / 200


def test_neutral_pixels_count_nowhere() -> None:
    truth = [block("apple", 0, 0, 4, 4), block("neutral", 2, 0, 10, 4)]
    section = segmentation(truth, [block("apple", 0, 0, 8, 4)], neutral=["neutral"])

    assert row(section, "apple")["iou"] == 1
    assert section["headline"]["pixels"] == 200 - 40
    assert section["headline"]["pixel_accuracy"] == 1


def test_pixels_without_a_label_are_the_background_where_one_is_configured() -> None:
    section = segmentation([block("apple", 0, 0, 10, 10)], [block("apple", 0, 0, 5, 10)], background="background")

    assert row(section, "background")["iou"] == 100 / 150
    assert section["confusion"]["counts"][0][-2] == 50  # apple taken for background


def test_boundary_iou_is_the_overlap_of_the_strips_along_edges() -> None:
    truth, predicted = np.zeros((2, 10, 20), np.uint8)
    truth[1:9, 1:9] = 1
    predicted[2:10, 2:10] = 1
    strips = []
    for mask in (truth, predicted):  # one pixel wide: 2 % of the diagonal are less
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        strips.append((mask - cv2.erode(padded, np.ones((3, 3), np.uint8))[1:-1, 1:-1]).astype(bool))
    expected = (strips[0] & strips[1]).sum() / (strips[0] | strips[1]).sum()
    section = segmentation([block("apple", 1, 1, 8, 8)], [block("apple", 2, 2, 8, 8)])

    assert row(section, "apple")["boundary_iou"] == pytest.approx(expected)


def test_labels_beyond_the_image_are_cut_at_it() -> None:
    section = segmentation(
        [polygon("apple", (-5, -5), (4, -5), (4, 4), (-5, 4))], [block("apple", 0, 0, 5, 5), block("pear", 30, 0, 5, 5)]
    )

    assert row(section, "apple")["iou"] == 1
    assert row(section, "pear")["predicted_pixels"] == 0


def test_labels_that_cannot_be_read_become_problems_of_their_image() -> None:
    titles = meta("bitmap", ("leaf",))
    plan = make_plan(titles, titles)
    counts = count_image(plan, {"objects": HOSTILE}, annotation(block("leaf", 0, 0, 2, 2)), SIZE, 7)

    assert len(counts.problems) == 4
    assert all(image == 7 and sentence.endswith("it is not counted.") for image, sentence in counts.problems)
    assert figures(plan, counts)["problems"] == 4
    assert row(figures(plan, counts)["segmentation"], "leaf")["truth_pixels"] == 0


@pytest.mark.parametrize("broken", ["", "AAAA", mask_data(9, 5)[:-8], "no base64 at all"])
def test_a_broken_mask_is_refused_as_everywhere(broken: str) -> None:
    with pytest.raises(BadMask):
        decoded(broken, 20, 10)


def test_a_mask_of_the_common_kind_has_the_pixels_that_the_image_library_reads() -> None:
    bits = decoded(mask_data(17, 5, hole=(3, 1, 9, 4)), 20, 10)

    expected = np.ones((5, 17), bool)
    expected[1:4, 3:9] = False
    assert np.array_equal(bits, expected)


def test_a_cell_of_the_confusion_leads_to_its_images() -> None:
    titles = meta("any", ("apple", "pear"))
    plan = make_plan(titles, titles)
    truth = annotation(block("apple", 0, 0, 4, 4))
    found = [annotation(block("pear", 0, 0, wide, 4)) for wide in (1, 3)]
    counts = Counts.join([count_image(plan, truth, one, SIZE, at) for at, one in enumerate(found)])

    assert pixel_images(counts, truth_class=0, predicted_class=1) == [(1, 12), (0, 4)]
    assert pixel_images(counts, truth_class=0, predicted_class=-1) == [(0, 12), (1, 4)]
    assert pixel_images(counts, truth_class=1, predicted_class=0) == []
