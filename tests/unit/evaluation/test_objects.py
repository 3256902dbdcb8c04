"""Figures of objects and their errors, on a few objects each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.errors import BadInput
from agent.evaluation.counting import Item, count_images
from agent.evaluation.errors import Judgement, objects
from agent.evaluation.figures import figures
from agent.evaluation.judged import Judged
from agent.evaluation.planning import make_plan
from agent.evaluation.worst import IMAGE_FIGURES, worst_images
from tests.support.judged_projects import annotation, bitmap, meta, rectangle

SIZE = (100, 80)
META = meta("rectangle", ("apple", "pear", "neutral"))
PLAN = make_plan(META, META, neutral=["neutral"])
META_OF_MASKS = meta("bitmap", ("apple", "pear"))
APPLE, PEAR = 0, 1


def judged(*images: tuple[list[Any], list[Any]]) -> Judged:
    items = [Item(at, SIZE, annotation(*truth), annotation(*found)) for at, (truth, found) in enumerate(images)]
    return Judged(PLAN, count_images(PLAN, items))


def detection(counts: Judged, confidence: float | None = 0.0) -> dict[str, Any]:
    section: dict[str, Any] = figures(PLAN, counts, confidence=confidence)["detection"]
    return section


def errors_of(section: dict[str, Any]) -> dict[str, int]:
    return {error["kind"]: error["count"] for error in section["errors"] if error["count"]}


def only(counts: Judged, **asked: Any) -> Judgement:
    found = objects(PLAN, counts, confidence=0.0, **asked)
    assert len(found) == 1
    return found.part()[0]


def test_a_prediction_below_the_confidence_is_as_if_it_were_not_there() -> None:
    counts = judged(([rectangle("apple", 0, 0, 9, 9)], [rectangle("apple", 0, 0, 9, 9, 0.4)]))

    assert detection(counts, 0.4)["headline"]["recall"] == 1
    below = detection(counts, 0.5)
    assert (below["headline"]["recall"], below["headline"]["precision"]) == (0, None)
    assert below["headline"]["ap"] == 1  # of all predictions
    assert below["classes"][APPLE]["best_confidence"] == 0.4


def test_the_confusion_has_mixed_up_missed_and_extra_objects() -> None:
    truth = [rectangle("apple", 0, 0, 9, 9), rectangle("pear", 20, 0, 29, 9), rectangle("pear", 40, 0, 49, 9)]
    found = [
        rectangle("pear", 0, 0, 9, 9, 0.9),
        rectangle("pear", 20, 0, 29, 9, 0.8),
        rectangle("apple", 60, 60, 65, 65, 0.7),
    ]
    counts = judged((truth, found))
    section = detection(counts)

    assert section["confusion"] == {
        "titles": ["apple", "pear", "no object"],
        "counts": [[0, 1, 0], [0, 1, 1], [1, 0, 0]],
    }
    mixed = only(counts, truth_class=APPLE, predicted_class=PEAR)
    assert (mixed.outcome, mixed.truth, mixed.predicted, mixed.overlap) == ("mixed_up", 0, 0, 1)
    assert only(counts, truth_class=PEAR, predicted_class=-1).truth == 2
    assert only(counts, truth_class=-1, predicted_class=APPLE).predicted == 2


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (rectangle("pear", 0, 0, 9, 9, 0.5), "wrong_class"),
        (rectangle("apple", 0, 0, 9, 3, 0.5), "misplaced"),
        (rectangle("pear", 0, 0, 9, 3, 0.5), "wrong_class_and_place"),
        (rectangle("apple", 0, 0, 9, 9, 0.5), "double"),
        (rectangle("apple", 50, 50, 59, 59, 0.5), "background"),
    ],
)
def test_a_wrong_prediction_has_one_of_the_errors_of_tide(found: dict[str, Any], kind: str) -> None:
    counts = judged(([rectangle("apple", 0, 0, 9, 9)], [rectangle("apple", 0, 0, 9, 9, 0.9), found]))

    assert errors_of(detection(counts)) == {kind: 1}
    error = only(counts, kinds=[kind])
    assert (error.outcome, error.predicted) == ("extra", 1)
    assert error.truth == (None if kind == "background" else 0 if "and" not in kind else None)


def test_an_object_that_nothing_is_near_was_overlooked() -> None:
    counts = judged(
        ([rectangle("apple", 0, 0, 9, 9), rectangle("apple", 40, 40, 49, 49)], [rectangle("apple", 0, 0, 9, 3, 0.5)])
    )

    assert errors_of(detection(counts)) == {"misplaced": 1, "overlooked": 1}
    assert only(counts, kinds=["overlooked"]).truth == 1
    assert len(objects(PLAN, counts, kinds=["missed"], confidence=0.0)) == 2


def test_an_error_costs_what_average_precision_gains_without_it() -> None:
    counts = judged(([rectangle("apple", 0, 0, 9, 9)], [rectangle("pear", 0, 0, 9, 9, 0.5)]))

    costs = {error["kind"]: error["ap_cost"] for error in detection(counts)["errors"]}
    assert costs["wrong_class"] == 1
    assert costs["misplaced"] == 0


def test_predictions_on_neutral_objects_are_neither_right_nor_wrong() -> None:
    truth = [rectangle("neutral", 0, 0, 49, 49)]
    found = [rectangle("apple", 5, 5, 9, 9, 0.9), rectangle("pear", 20, 20, 29, 29, 0.8)]
    counts = judged((truth, found))

    assert detection(counts)["headline"]["extra"] == 0
    assert len(objects(PLAN, counts, confidence=0.0)) == 0
    assert len(objects(PLAN, counts, confidence=0.0, kinds=["ignored"])) == 2


def test_without_confidences_there_is_no_average_precision_and_the_section_says_so() -> None:
    section = detection(judged(([rectangle("apple", 0, 0, 9, 9)], [rectangle("apple", 0, 0, 9, 9)])), None)

    assert section["headline"]["ap"] is None
    assert section["headline"]["f1"] == 1
    assert section["curves"] == {}
    assert "class 'apple' have no confidence (tag 'confidence')" in section["remarks"][0]
    both = [rectangle("apple", 0, 0, 9, 9), rectangle("pear", 20, 20, 29, 29)]
    (remark,) = detection(judged((both, both)), None)["remarks"]
    assert "classes 'apple' and 'pear' have no confidence" in remark


def test_a_model_that_tells_no_objects_apart_has_its_figures_of_objects_aside() -> None:
    plan = make_plan(META_OF_MASKS, META_OF_MASKS)
    two = [bitmap("apple", 0, 0, np.ones((5, 5))), bitmap("apple", 20, 0, np.ones((5, 5)))]
    all_in_one = [bitmap("apple", 0, 0, np.hstack([np.ones((5, 5)), np.zeros((5, 15)), np.ones((5, 5))]))]

    def aside(*images: tuple[list[Any], list[Any]], part: list[int] | None = None) -> str | None:
        items = [Item(at, SIZE, annotation(*truth), annotation(*found)) for at, (truth, found) in enumerate(images)]
        whole = Judged(plan, count_images(plan, items))
        looked = whole if part is None else Judged(plan, whole.counts.select(part), whole)
        found: str | None = figures(plan, looked)["detection"]["aside"]
        return found

    assert "tells no objects apart" in (aside((two, all_in_one)) or "")
    assert aside((two[:1], two[:1])) is None, "nothing shows that there could be more"
    assert aside((two, all_in_one), (two, two)) is None
    assert aside((two, [bitmap("apple", 0, 0, np.ones((5, 5)), 0.5)])) is None, "it has a confidence"
    assert aside((two, all_in_one), (two, two), part=[0]) is None, "a part is looked at as the whole is"
    assert aside((two, all_in_one), (two[:1], two[:1]), part=[1]) is not None


def test_predictions_of_which_some_have_no_confidence_are_said_and_count_as_sure() -> None:
    found = [rectangle("apple", 0, 0, 9, 9), rectangle("apple", 30, 30, 39, 39, 0.5)]
    section = detection(judged(([rectangle("apple", 0, 0, 9, 9)], found)), 0.9)

    assert section["headline"]["precision"] == 1
    assert "1 of 2 predictions of class 'apple' have no confidence" in section["remarks"][0]


def test_masks_and_boxes_are_compared_by_boxes() -> None:
    plan = make_plan(meta("rectangle", ("apple",)), meta("bitmap", ("apple",)))
    mask = [[0, 1], [1, 0]]
    found = bitmap("apple", 4, 4, np.array(mask), 0.5)
    counts = count_images(plan, [Item(0, SIZE, annotation(rectangle("apple", 4, 4, 5, 5)), annotation(found))])

    assert figures(plan, counts, confidence=0)["detection"]["headline"]["ap"] == 1
    assert "segmentation" not in figures(plan, counts)


def test_images_come_worst_first() -> None:
    good = ([rectangle("apple", 0, 0, 9, 9)], [rectangle("apple", 0, 0, 9, 9, 0.5)])
    bad = ([rectangle("apple", 0, 0, 9, 9)], [rectangle("pear", 50, 50, 59, 59, 0.5)])
    counts = judged(good, bad, ([], []))

    assert worst_images(PLAN, counts, by="f1", confidence=0.0) == [(1, 0.0), (0, 1.0)]
    assert worst_images(PLAN, counts, by="errors", confidence=0.0) == [(1, 2.0), (0, 0.0), (2, 0.0)]
    assert worst_images(PLAN, counts, by="extra", class_=PEAR, confidence=0.0)[0] == (1, 1.0)
    assert worst_images(PLAN, counts, by="errors", confidence=0.6)[:2] == [(0, 1.0), (1, 1.0)]


@pytest.mark.parametrize("by", IMAGE_FIGURES)
def test_every_figure_of_images_is_there_without_any_image(by: str) -> None:
    assert worst_images(PLAN, judged(), by=by) == []


def test_objects_have_orders() -> None:
    truth = [rectangle("apple", 0, 0, 9, 9), rectangle("apple", 30, 30, 39, 39), rectangle("pear", 60, 60, 64, 64)]
    found = [rectangle("apple", 0, 0, 9, 8, 0.6), rectangle("apple", 30, 30, 39, 35, 0.7)]
    counts = judged((truth, found))

    def order(name: str) -> list[int | None]:
        return [one.truth for one in objects(PLAN, counts, confidence=0.0, order=name).part()]

    assert order("confidence") == [1, 0, 2]
    assert order("overlap") == [1, 0, 2]
    assert order("area") == [0, 1, 2]
    assert objects(PLAN, counts, confidence=0.0).images() == [0]


def test_what_is_asked_for_wrongly_is_refused() -> None:
    counts = judged(([], []))
    with pytest.raises(BadInput, match="no kind 'lost'"):
        objects(PLAN, counts, kinds=["lost"])
    with pytest.raises(BadInput, match="no order 'size'"):
        objects(PLAN, counts, order="size")
    with pytest.raises(BadInput, match="no figure 'beauty'"):
        worst_images(PLAN, counts, by="beauty")
    with pytest.raises(BadInput, match=r"must be one of 0\.50"):
        figures(PLAN, counts, iou=0.42)
