"""The metrics of the SDK and the evaluation judge the same thing alike; where they do not, a test names the difference.

The official package's metrics are those of the SDK (`tests/interop/test_data_agrees.py`).
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from agent.evaluation.counting import Item, count_images
from agent.evaluation.figures import figures
from agent.evaluation.judged import Judged
from agent.evaluation.planning import make_plan
from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.metric.classification_metrics import ClassificationMetrics
from supervisely_lib.metric.confusion_matrix_metric import ConfusionMatrixMetric
from supervisely_lib.metric.iou_metric import IoUMetric
from supervisely_lib.metric.map_metric import MAPMetric
from supervisely_lib.metric.metric_base import MetricsBase
from supervisely_lib.metric.pixel_accuracy import PixelAccuracyMetric
from supervisely_lib.metric.precision_recall_metric import PrecisionRecallMetric
from supervisely_lib.project.project_meta import ProjectMeta
from tests.support.judged_projects import CLASSES, SIZE, annotation, generated, meta, rectangle

TITLES = ("apple", "pear", "plum")
SAME = {title: title for title in TITLES}


def measured(metric: MetricsBase, titles: dict[str, Any], items: list[Item]) -> Any:
    classes = [{"color": "#010203", **item} for item in titles["classes"]]
    project = ProjectMeta.from_json({**titles, "classes": classes})
    for item in items:
        metric.add_pair(*(Annotation.from_json(dict(side), project) for side in (item.truth, item.predicted)))
    return metric


def apart(seed: int, images: int = 20, mixed_up: float = 0.2) -> list[Item]:
    """Objects on a grid: in each cell at most one of either side, of any class and more or less at one place."""
    chance = random.Random(seed)
    items: list[Item] = []
    for number in range(images):
        truth: list[Any] = []
        found: list[Any] = []
        for left, top in ((x, y) for x in range(0, SIZE[0], 16) for y in range(0, SIZE[1], 16)):
            title = chance.choice(TITLES)
            if chance.random() < 0.7:
                truth.append(rectangle(title, left, top, left + 9, top + 9))
            if chance.random() < 0.7:
                title = title if chance.random() >= mixed_up else chance.choice(TITLES)
                moved = chance.randint(0, 4)
                found.append(
                    rectangle(title, left + moved, top, left + 9 + moved, top + 9, len(items) / 20 + len(found) / 999)
                )
        items.append(Item(number, SIZE, annotation(*truth), annotation(*found)))
    return items


def judged(shape: str, items: list[Item], titles: tuple[str, ...] = TITLES) -> tuple[Any, Judged]:
    plan = make_plan(meta(shape, titles), meta(shape, titles))
    return plan, Judged(plan, count_images(plan, items))


@pytest.mark.parametrize("shape", ["polygon", "bitmap"])
def test_iou_and_pixel_accuracy_are_equal(shape: str) -> None:
    items = generated(5, shape, 30)
    section = figures(*judged(shape, items, CLASSES))["segmentation"]
    titles = meta(shape, CLASSES)
    same = {title: title for title in CLASSES}

    theirs = measured(IoUMetric(same), titles, items).get_metrics()
    for row in section["classes"]:
        assert (row["iou"] or 0) == pytest.approx(theirs[row["title"]]["iou"], abs=1e-12)  # 0 where there are no pixels
    accuracy = measured(PixelAccuracyMetric(same), titles, items).get_total_metrics()["accuracy"]
    assert section["headline"]["pixel_accuracy"] == pytest.approx(accuracy, abs=1e-12)


def test_precision_and_recall_of_pixels_differ_where_labels_of_two_classes_overlap() -> None:
    """The SDK looks at the uppermost label, the evaluation at all labels of a class, as IoU does on both sides."""
    titles = meta("any", TITLES)
    truth = annotation(
        {**rectangle("apple", 0, 0, 9, 9), "shape": "rectangle"},
        {**rectangle("pear", 5, 0, 14, 9), "shape": "rectangle"},
    )
    found = annotation({**rectangle("apple", 0, 0, 9, 9), "shape": "rectangle"})
    items = [Item(0, SIZE, truth, found)]
    mine = figures(*judged("any", items))["segmentation"]["classes"][0]

    assert measured(PixelAccuracyMetric(SAME), titles, items).get_metrics()["apple"]["precision"] == 0.5
    assert mine["precision"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_of_objects_apart_precision_recall_and_confusion_are_equal(seed: int) -> None:
    items, titles = apart(seed), meta("rectangle", TITLES)
    section = figures(*judged("rectangle", items), confidence=0.0)["detection"]

    theirs = measured(PrecisionRecallMetric(SAME, 0.5), titles, items).get_metrics()
    for row in section["classes"]:
        assert row["precision"] == pytest.approx(theirs[row["title"]]["precision"])
        assert row["recall"] == pytest.approx(theirs[row["title"]]["recall"])
    confusion = measured(ConfusionMatrixMetric(SAME, 0.5), titles, items).get_metrics()
    counts = section["confusion"]["counts"]
    for at, title in enumerate(TITLES):
        assert [confusion["confusion-matrix"][title, other] for other in TITLES] == counts[at][:-1]
        assert confusion["unmatched-gt"][title] == counts[at][-1]
        assert confusion["unmatched-predictions"][title] == counts[-1][at]


def test_of_objects_close_to_each_other_the_sdk_matches_the_closest_and_the_evaluation_the_most_confident() -> None:
    truth = annotation(rectangle("apple", 0, 0, 9, 9), rectangle("apple", 4, 0, 13, 9))
    found = annotation(rectangle("apple", 2, 0, 11, 9, 0.9), rectangle("apple", 3, 0, 12, 9, 0.8))
    items = [Item(0, SIZE, truth, found)]
    recalls = figures(*judged("rectangle", items), confidence=0.0, iou=0.65)["detection"]["headline"]["recall"]
    theirs = measured(PrecisionRecallMetric(SAME, 0.65), meta("rectangle", TITLES), items).get_metrics()["apple"]

    assert theirs["recall"] == 1  # the second takes its object, which is the closest of all pairs
    assert recalls == 0.5  # the first takes the same one, as COCO has it: both are as close, and the later object wins


def test_a_prediction_of_another_class_does_not_take_an_object_from_one_of_its_class() -> None:
    """The SDK's confusion looks for the closest pair of whatever classes."""
    items = [
        Item(
            0,
            SIZE,
            annotation(rectangle("apple", 0, 0, 9, 9)),
            annotation(rectangle("apple", 1, 0, 10, 9, 0.4), rectangle("pear", 0, 0, 9, 9, 0.9)),
        )
    ]
    counts = figures(*judged("rectangle", items), confidence=0.0)["detection"]["confusion"]["counts"]
    theirs = measured(ConfusionMatrixMetric(SAME, 0.5), meta("rectangle", TITLES), items).get_metrics()

    assert (counts[0][0], counts[3][1]) == (1, 1)  # found, and an extra one
    assert theirs["confusion-matrix"]["apple", "pear"] == 1
    assert theirs["unmatched-predictions"]["apple"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_sdk_averages_precision_at_eleven_recalls_and_the_evaluation_at_101(seed: int) -> None:
    items = apart(seed, mixed_up=0)  # the SDK counts a match of another class as wrong for the class of the object
    curves = figures(*judged("rectangle", items))["detection"]["curves"]["best_precision"]
    theirs = measured(MAPMetric(SAME, 0.5), meta("rectangle", TITLES), items).get_metrics()

    for title, curve in zip(TITLES, curves, strict=True):
        # Of a recall that is one of the levels, rounding decides whether it reaches it.
        assert sum(curve[::10]) / 11 == pytest.approx(theirs[title]["average-precision"], abs=0.01)


def some(chance: random.Random) -> list[Any]:
    return chance.sample(TITLES, chance.randint(0, 3))


def test_tags_have_the_same_counts() -> None:
    chance = random.Random(4)
    titles: dict[str, Any] = {"classes": [], "tags": [{"name": title, "value_type": "none"} for title in TITLES]}
    items = [Item(at, SIZE, annotation(tags=some(chance)), annotation(tags=some(chance))) for at in range(30)]
    plan = make_plan(titles, titles)
    rows = figures(plan, count_images(plan, items), confidence=0.0)["tags"]["classes"]
    theirs = measured(ClassificationMetrics(SAME), titles, items).get_metrics()

    for row in rows:
        mine = [row["matched"], row["predictions"] - row["matched"], row["truths"] - row["matched"]]
        other = theirs[row["title"]]
        assert mine == [other["true-positive"], other["false-positive"], other["false-negative"]]
        assert row["f1"] == pytest.approx(other["F1-measure"])
