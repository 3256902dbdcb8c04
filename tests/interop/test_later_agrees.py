"""Functions that plugins began to use after 2019 give what the official ones give."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop import data_cases

pytestmark = pytest.mark.official

Case = dict[str, Any]
Both = Callable[[list[Case]], list[tuple[Case, Case, Case]]]

SIZE = [24, 31]
AUGMENTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("fliplr", {}),
    ("flipud", {}),
    ("crop", {"top_pad": 2, "left_pad": 3, "bottom_pad": 4, "right_pad": 5}),
    ("crop", {"top_pad": -2}),
    ("crop_fraction", {"top": 0.1, "left": 0.25, "bottom": 0.5}),
    ("crop_fraction", {"top": 1}),
    ("random_crop", {"height": 9, "width": 14}),
    ("random_crop", {"height": 900, "width": 7.6}),
    ("random_crop_fraction", {"height_fraction_range": [0.3, 0.9], "width_fraction_range": [0.5, 0.6]}),
    (
        "batch_random_crops_fraction",
        {"crops_per_image": 3, "height_fraction_range": [0.3, 0.9], "width_fraction_range": [0.5, 0.6]},
    ),
    (
        "flip_add_random_crops",
        {"crops_per_image": 2, "height_fraction_range": [0.3, 0.9], "width_fraction_range": [0.5, 0.6]},
    ),
    ("instance_crop", {"class_title": "polygon"}),
    ("instance_crop", {"class_title": "rectangle", "save_other_classes_in_crop": False}),
    ("instance_crop", {"class_title": "bitmap", "padding_config": {"left": "3px", "top": "20%", "right": "-1px"}}),
    ("instance_crop", {"class_title": "rectangle", "padding_config": {"left": "3"}}),
    ("resize", {"size": [40, 17]}),
    ("resize", {"size": [-1, 17]}),
    ("scale", {"frow": 0.5, "fcol": 2.0}),
    ("scale", {"f": 1.5}),
    ("rotate", {"degrees": 90}),
    ("rotate", {"degrees": 0, "mode": "crop"}),
    ("rotate", {"degrees": 3, "mode": "else"}),
]
TRANSFORMS: list[tuple[str, dict[str, Any]]] = [
    ("skeletonize_bitmap", {"classes": ["bitmap"]}),
    ("skeletonize_bitmap", {"classes": ["polygon"]}),
    ("approximate_vector", {"classes": ["polygon"], "epsilon": 2.0}),  # lines differ (docs/sdk.md)
    ("approximate_vector", {"classes": ["point"], "epsilon": 2.0}),
    ("add_background", {"bg_class": "rectangle"}),
    ("drop_object_by_class", {"classes": ["polygon", "bitmap"]}),
    ("bitwise_mask", {"class_mask": "bitmap", "classes_to_correct": ["whatever"], "bitwise_op": "logical_and"}),
    ("bitwise_mask", {"class_mask": "polygon", "classes_to_correct": ["bitmap"], "bitwise_op": "logical_xor"}),
    ("find_contours", {"classes_mapping": {"bitmap": "polygon"}}),
    ("find_contours", {"classes_mapping": {"line": "polygon"}}),
]


@pytest.fixture
def both(official: Callable[..., Any]) -> Both:
    """Run cases on either SDK, both in the official environment; gives (case, ours, theirs) for each."""

    def run(cases: list[Case]) -> list[tuple[Case, Case, Case]]:
        cases = json.loads(json.dumps(cases))
        ours, theirs = (official("oracle_later.py", cases, root) for root in ("supervisely_lib", "supervisely"))
        return list(zip(cases, ours, theirs, strict=True))

    return run


def labelled(count: int) -> list[Case]:
    """Annotations whose objects lie in the image."""
    rng = random.Random(5)
    found: list[Case] = []
    while len(found) < count:
        data = data_cases.annotation_json(rng, SIZE)
        if data["objects"]:
            found.append({"meta": data_cases.META, "data": {**data, "tags": []}})
    return found


def test_augmentations_give_the_same_pixels_labels_and_random_numbers(both: Both) -> None:
    cases = [
        {"do": "aug", **ann, "function": function, "arguments": arguments, "seed": seed}
        for seed, ann in enumerate(labelled(12))
        for function, arguments in AUGMENTATIONS
    ]
    errors = set()
    for case, mine, theirs in both(cases):
        assert ("error" in mine) == ("error" in theirs), (case, mine, theirs)
        if "error" in theirs:
            assert mine["error"].partition(":")[0] == theirs["error"].partition(":")[0], case
            errors.add(case["function"])
        else:
            assert mine["ok"] == theirs["ok"], case
    assert errors == {"crop", "crop_fraction", "instance_crop", "rotate"}


def test_transformations_of_all_labels_give_the_same_labels(both: Both) -> None:
    cases = [
        {"do": "transform", **ann, "function": function, "arguments": arguments}
        for ann in labelled(40)
        for function, arguments in TRANSFORMS
    ]
    worked = 0
    for case, mine, theirs in both(cases):
        if "error" in theirs:  # the later text names a later shape too
            assert mine["error"].partition(" a Bitmap")[0] == theirs["error"].partition(" a Bitmap")[0], case
        else:
            assert mine == theirs, case
        worked += "ok" in mine
    assert worked > len(cases) / 2


def test_a_mask_of_class_numbers_becomes_the_same_labels(both: Both) -> None:
    cases = [
        {"do": "labels_of_mask", "seed": seed, "values": values, "known": known}
        for seed in range(20)
        for values, known in (([0, 1], [1]), ([0, 1, 2, 9], [9, 1]), ([0, 3], [0, 3]), ([0, 0, 0, 4], [0]), ([5], [1]))
    ]
    for case, mine, theirs in both(cases):
        assert "ok" in theirs, theirs
        assert mine == theirs, case


def test_the_servicer_of_a_rest_server_gives_the_same_answers(both: Both) -> None:
    boxes = [{"title": title, "shape": "rectangle", "color": "#123456", "geometry_config": {}} for title in "ab"]
    model = {"classes": boxes, "tags": [{"name": "sure", "value_type": "any_number", "color": "#102030"}]}
    modes: list[Any] = [
        {},
        {"name": "roi", "bounds": {"left": "5px"}},
        {"name": "bboxes", "add_suffix": "_x"},
        {"name": "?"},
    ]
    cases: list[Case] = [
        {"do": "serve", **ann, "model": model, "mode": mode, "channels": channels, "seed": seed, "request": request}
        for seed, ann in enumerate([*labelled(5), {"meta": None, "data": None}, {"meta": None, "data": {}}])
        for mode in modes
        for channels in (3, 4, 2)
        for request in ("inference", "get_out_meta", "train")
    ]
    worked = 0
    for case, mine, theirs in both(cases):
        if "error" in theirs:
            assert mine["error"].partition(":")[0] == theirs["error"].partition(":")[0], (case, mine, theirs)
        else:
            worked += 1
            assert mine == theirs, case
    assert worked > len(cases) / 5


def test_statistics_and_small_functions_give_the_same_values(both: Both) -> None:
    cases: list[Case] = [{"do": "statistics", **ann, "side": 6} for ann in labelled(30)]
    for case, mine, theirs in both([*cases, {"do": "small"}]):
        assert "ok" in theirs, theirs
        assert mine == theirs, case
