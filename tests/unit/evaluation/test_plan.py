"""The plan of an evaluation: which class of the predictions stands for which of the ground truth."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import BadInput
from agent.evaluation.plan import Plan
from agent.evaluation.planning import MOST, make_plan


def meta(*classes: str, tags: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """`title:shape`, a bitmap without a shape."""
    titles = [(title, shape or "bitmap") for title, _, shape in (one.partition(":") for one in classes)]
    return {"classes": [{"title": title, "shape": shape} for title, shape in titles], "tags": list(tags)}


def test_titles_are_compared_by_name() -> None:
    plan = make_plan(meta("apple", "pear:rectangle"), meta("pear:rectangle", "apple:polygon"))

    assert (plan.classes, plan.kinds) == (("apple", "pear"), ("masks", "boxes"))
    assert plan.predicted == {"apple": 0, "pear": 1}


def test_labels_kept_from_the_ground_truth_are_no_predictions() -> None:
    kept = meta("apple", "apple_nn")

    assert make_plan(meta("apple"), kept, suffix="_nn").predicted == {"apple_nn": 0}
    without = make_plan(meta("apple"), kept)
    assert without.predicted == {"apple_nn": 0}
    assert "kept from the ground truth" in without.remarks[0]


def test_the_longest_title_is_the_base() -> None:
    plan = make_plan(meta("car", "car_door"), meta("car_door_nn", "car_nn"))

    assert plan.predicted == {"car_nn": 0, "car_door_nn": 1}


def test_a_map_names_all_that_is_compared_and_may_join_classes() -> None:
    plan = make_plan(meta("apple", "pear", "card"), meta("fruit", "card"), mapping={"apple": "fruit", "pear": "fruit"})

    assert plan.classes == ("fruit",)
    assert plan.truth == {"apple": 0, "pear": 0}
    assert plan.predicted == {"fruit": 0}
    assert any("'card'" in remark for remark in plan.remarks)


@pytest.mark.parametrize("mapping", [{"apple": "melon"}, {"melon": "apple"}])
def test_a_map_of_what_is_not_there_is_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="'melon'"):
        make_plan(meta("apple"), meta("apple"), mapping=mapping)


def test_classes_on_one_side_are_said() -> None:
    plan = make_plan(meta("apple", "pear"), meta("apple_nn", "melon_nn"), suffix="_nn")

    assert plan.classes == ("apple",)
    assert any("'pear'" in remark and "no class of the predictions" in remark for remark in plan.remarks)
    assert any("'melon_nn'" in remark and "no class of the ground truth" in remark for remark in plan.remarks)


def test_shapes_that_cannot_be_compared_are_said() -> None:
    plan = make_plan(meta("apple:point", "pear:rectangle"), meta("apple", "pear:polygon"))

    assert (plan.classes, plan.kinds) == (("pear",), ("boxes",))
    assert any("'apple' is not compared" in remark for remark in plan.remarks)
    assert any("'pear' is compared by boxes" in remark for remark in plan.remarks)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(BadInput, match="Nothing can be compared"):
        make_plan(meta("apple"), meta("melon"), background="background")


def test_the_background_need_not_be_a_class_of_the_ground_truth() -> None:
    plan = make_plan(
        meta("apple", "neutral"),
        meta("apple_nn", "background_nn"),
        suffix="_nn",
        background="background",
        neutral=["neutral"],
    )

    assert plan.classes == ("apple", "background")
    assert plan.background == 1
    assert plan.predicted["background_nn"] == 1
    assert plan.neutral == ("neutral",)
    assert not plan.remarks


def test_tags_with_values_are_compared_value_by_value() -> None:
    fruit = {"name": "fruit", "value_type": "oneof_string", "values": ["apple", "pear"]}
    ripe, train = ({"name": name, "value_type": "none"} for name in ("ripe", "train"))
    predicted = ({**fruit, "name": "fruit_nn"}, {"name": "ripe_nn", "value_type": "any_number"}, train)
    plan = make_plan(meta(tags=(fruit, ripe, train)), meta(tags=predicted), suffix="_nn")

    assert plan.tags == ("fruit: apple", "fruit: pear", "ripe")
    assert plan.predicted_tags == {"fruit_nn: apple": 0, "fruit_nn: pear": 1, "ripe_nn": 2}


def test_a_plan_survives_json() -> None:
    plan = make_plan(meta("apple", "pear"), meta("apple", "pear_2"))

    assert Plan.from_json(plan.to_json()) == plan
    with pytest.raises(BadInput, match="cannot be read"):
        Plan.from_json(b"{}")


def test_more_classes_than_a_matrix_can_have_are_refused() -> None:
    many = meta(*(f"class {number}" for number in range(MOST + 1)))
    with pytest.raises(BadInput, match="1,501 classes are to be compared; 1,500 at most can be"):
        make_plan(many, many)
    assert make_plan(many, many, mapping={"class 1": "class 1"}).classes == ("class 1",)
