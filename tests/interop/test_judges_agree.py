"""Figures of the evaluation are equal to those of pycocotools and scikit-learn."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from agent.evaluation.calibration import calibration
from agent.evaluation.counting import Item, count_images
from agent.evaluation.counts import Counts
from agent.evaluation.figures import figures
from agent.evaluation.judged import Judged
from agent.evaluation.nearness import SIGMA
from agent.evaluation.plan import Plan
from agent.evaluation.planning import make_plan
from agent.evaluation.verdicts import ERRORS, MIXED_UP, OUTCOMES
from tests.interop.coco_data import coco_of, keypoints_of
from tests.support.judged_projects import CLASSES, SIZE, TRUE, annotation, bitmap, generated, graph, meta

Ask = Callable[[str, Any], Any]
KINDS = {"rectangle": "bbox", "polygon": "segm", "bitmap": "segm"}
SIZES = ("all", "small", "medium", "large")


def assert_equal(mine: Any, theirs: Any) -> None:
    """To 1e-6, and undefined in the same places."""
    assert_allclose(np.array(mine, float), np.array(theirs, float), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("neutral", [False, True])
@pytest.mark.parametrize("shape", KINDS)
def test_average_precision_and_recall_of_every_class_and_size(judge: Ask, shape: str, neutral: bool, seed: int) -> None:
    titles = meta(shape, CLASSES, "neutral")
    plan = make_plan(titles, titles, neutral=["neutral"])
    items = generated(seed, shape, 60, neutral=neutral)
    counts = count_images(plan, items)
    assert counts.predictions["rank"].max() > 100 or neutral  # more than average precision looks at
    answer = judge("oracle_coco.py", coco_of(plan, items, KINDS[shape]))
    precision, recall = (
        np.where((values := np.array(answer[name])) < 0, np.nan, values) for name in ("precision", "recall")
    )

    average = Judged(plan, counts).objects.average()
    assert_equal(np.moveaxis(average.precision, 0, 2), precision[..., 2].mean(axis=1))
    assert_equal(np.moveaxis(average.recall, 0, 2), recall[:, :, 0])
    assert_equal(np.moveaxis(average.size_recall, 0, 2), recall[..., 2])
    section = figures(plan, counts)["detection"]
    assert_equal(section["headline"]["ap"], np.nanmean(precision[:, :, :, 0, 2]))
    assert_equal(section["headline"]["ar_100"], np.nanmean(recall[:, :, 0, 2]))
    for at, curve in enumerate(section["curves"]["best_precision"]):
        assert_equal(np.nan if curve is None else curve, precision[0, :, at, 0, 2])


TIDE_KINDS = {
    "Cls": "wrong_class",
    "Loc": "misplaced",
    "Both": "wrong_class_and_place",
    "Dupe": "double",
    "Bkg": "background",
    "Miss": "overlooked",
}


@pytest.mark.parametrize("seed", range(1, 4))  # without an overlap of exactly 0.1, which is on nothing there
@pytest.mark.parametrize("shape", ["rectangle", "bitmap"])
def test_kinds_of_errors_and_what_they_cost_are_those_of_tide(
    judge: Ask, tide_wheel: Path, shape: str, seed: int
) -> None:
    titles = meta(shape, TRUE)  # a class without objects lowers its mean, and is no part of ours
    plan = make_plan(titles, titles)
    items = generated(seed, shape, 60, confidences=10**9)  # equal ones have another order there
    data = coco_of(plan, items, KINDS[shape])
    answer = judge("oracle_tide.py", {**data, "wheel": str(tide_wheel)})

    judged = Judged(plan, count_images(plan, items))
    mine = {one["kind"]: one for one in figures(plan, judged, confidence=0.0)["detection"]["errors"]}
    theirs = {TIDE_KINDS[name]: (count, answer["cost"][name]) for name, count in answer["count"].items()}
    overlooked, _ = theirs.pop("overlooked")  # there also objects that only a prediction of another class has
    error, meant = judged.objects.verdicts.errors(0)
    mixed_up = judged.objects.verdict(0.0, 0).truth_outcome == OUTCOMES.index(MIXED_UP)
    mixed_up[meant[np.isin(error, [ERRORS.index("wrong_class"), ERRORS.index("misplaced")])]] = False
    assert mine["overlooked"]["count"] + mixed_up.sum() == overlooked
    assert {kind: mine[kind]["count"] for kind in theirs} == {kind: count for kind, (count, _) in theirs.items()}
    for kind, (_, cost) in theirs.items():
        # Its recalls differ from COCO's in the last bit, by which a value of a curve may be the next one.
        assert_allclose(mine[kind]["ap_cost"], cost, rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_similarity_of_graphs_is_that_of_keypoints(judge: Ask, seed: int) -> None:
    chance, names = random.Random(seed), tuple("abcde")

    def nodes(near: dict[str, tuple[int, int]] | None = None) -> dict[str, tuple[int, int]]:
        """All nodes: pycocotools has no way to leave out one that is predicted."""
        spread = chance.choice((0, 1, 2, 5))
        places = near or {name: (chance.randint(10, 60), chance.randint(10, 40)) for name in names}
        return {name: (x + chance.randint(0, spread), y + chance.randint(0, spread)) for name, (x, y) in places.items()}

    items = []
    for number in range(40):
        truth = [nodes() for _ in range(chance.randint(0, 3))]
        seen = [dict(chance.sample(sorted(one.items()), chance.randint(2, 5))) for one in truth]
        classes = [chance.choice("ab") for _ in truth]
        found = [
            graph(title, nodes(one), chance.randint(0, 10) / 10) for title, one in zip(classes, truth, strict=True)
        ]
        found += [graph("a", nodes(), chance.randint(0, 10) / 10) for _ in range(chance.randint(0, 2))]
        objects = [graph(title, one) for title, one in zip(classes, seen, strict=True)]
        items.append(Item(number, SIZE, annotation(*objects), annotation(*found)))
    titles = meta("graph", ("a", "b"))
    plan = make_plan(titles, titles)
    average = Judged(plan, count_images(plan, items)).objects.average()
    answer = judge("oracle_coco.py", keypoints_of(plan, items, names) | {"sigmas": [SIGMA] * len(names)})
    precision = np.array(answer["precision"])  # of all, medium and large sizes
    precision[precision < 0] = np.nan

    assert np.nanmean(precision) > 0.1
    assert_equal(average.precision[0], precision[:, :, :, 0, 0].mean(axis=1))


def tagged(truth: list[list[int]], scores: list[list[float | None]]) -> tuple[Plan, Counts]:
    """The figures of images that have these tags, by number; None is a tag that is not predicted."""
    count = len(scores[0])
    true, found = ([{"name": f"{at}{end}", "value_type": kind} for at in range(count)] for end, kind in KINDS_OF_TAGS)
    plan = make_plan({"classes": [], "tags": true}, {"classes": [], "tags": found}, suffix="_nn")
    items = [
        Item(
            number,
            SIZE,
            {"tags": [str(tag) for tag in tags]},
            {"tags": [{"name": f"{at}_nn", "value": value} for at, value in enumerate(row) if value is not None]},
        )
        for number, (tags, row) in enumerate(zip(truth, scores, strict=True))
    ]
    return plan, count_images(plan, items)


KINDS_OF_TAGS = (("", "none"), ("_nn", "any_number"))


@pytest.mark.parametrize("seed", range(3))
def test_tags_of_which_an_image_has_one(judge: Ask, seed: int) -> None:
    chance, count = random.Random(seed), 7
    truth = [[chance.randrange(count - 1)] for _ in range(80)]  # the last tag is never true
    scores: list[list[float | None]] = [[chance.randint(0, 20) / 20 for _ in range(count)] for _ in truth]
    theirs = judge(
        "oracle_scores.py",
        {"do": "one_of_several", "truth": [tags[0] for tags in truth], "scores": scores, "tags": count},
    )
    section = figures(*tagged(truth, scores))["tags"]

    headline = section["headline"]
    assert headline["one_of_several"]
    assert_equal(headline["accuracy"], theirs["accuracy"])
    assert_equal([headline[f"top_{most}"] for most in (1, 3, 5)], theirs["tops"])
    for name in ("precision", "recall", "f1"):
        assert_equal([row[name] for row in section["classes"]], theirs[name])
    assert [row[:-1] for row in section["confusion"]["counts"][:-1]] == theirs["confusion"]


@pytest.mark.parametrize("seed", range(3))
def test_tags_of_which_an_image_has_any_number(judge: Ask, seed: int) -> None:
    chance, count = random.Random(seed), 6
    truth = [[tag for tag in range(count - 1) if chance.random() < 0.4] for _ in range(80)]
    scores = [[chance.choice((None, chance.randint(0, 10) / 10)) for _ in range(count)] for _ in truth]
    theirs = judge(
        "oracle_scores.py",
        {
            "do": "any_of_several",
            "truth": [[int(tag in tags) for tag in range(count)] for tags in truth],
            "scores": [[-1.0 if value is None else value for value in row] for row in scores],
            "least": 0.5,
        },
    )
    section = figures(*tagged(truth, scores), confidence=0.5)["tags"]

    assert not section["headline"]["one_of_several"]
    assert_equal(section["headline"]["accuracy"], theirs["accuracy"])
    assert_equal(section["headline"]["micro_f1"], theirs["micro_f1"])
    for name in ("ap", "precision", "recall", "f1"):
        assert_equal([row[name] for row in section["classes"]], theirs[name])


@pytest.mark.parametrize("seed", range(3))
def test_the_reliability_diagram(judge: Ask, seed: int) -> None:
    chance = random.Random(seed)
    confidence = [chance.randint(0, 40) / 40 for _ in range(200)]
    is_right = [chance.random() < value for value in confidence]
    theirs = judge("oracle_scores.py", {"do": "reliability", "confidence": confidence, "is_right": is_right})
    mine = calibration(np.array(confidence), np.array(is_right))

    assert mine is not None
    for name in ("accuracy", "confidence"):
        assert_equal([value for value in mine[name] if value is not None], theirs[name])


@pytest.mark.parametrize("seed", range(3))
def test_pixels_by_class(judge: Ask, seed: int) -> None:
    chance = np.random.default_rng(seed)
    classes = ("apple", "pear", "plum", "empty")
    truth, predicted = chance.integers(0, 4, (2, SIZE[1], SIZE[0]))  # 0: no label
    titles = meta("bitmap", classes)
    plan = make_plan(titles, titles)
    sides = [
        annotation(*(bitmap(title, 0, 0, side == at) for at, title in enumerate(classes[:3], start=1)))
        for side in (truth, predicted)
    ]
    section = figures(plan, count_images(plan, [Item(0, SIZE, sides[0], sides[1])]))["segmentation"]
    theirs = judge(
        "oracle_scores.py",
        {
            "do": "pixels",
            "truth": truth.ravel().tolist(),
            "predicted": predicted.ravel().tolist(),
            "labels": [1, 2, 3, 4, 0],
        },
    )

    assert section["confusion"]["counts"] == theirs["confusion"]
    assert_equal(section["headline"]["pixel_accuracy"], theirs["accuracy"])
    for name in ("iou", "dice"):
        assert_equal([row[name] for row in section["classes"][:3]], theirs[name][:3])
    assert section["classes"][3]["iou"] is None  # where scikit-learn has to be told a number
