"""The integer id of each class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.polygon import Polygon
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted import class_indexing


def classes(*titles: str) -> ObjClassCollection:
    return ObjClassCollection([ObjClass(title, Polygon, color=[1, 2, index]) for index, title in enumerate(titles)])


def test_ids_follow_the_sorted_titles() -> None:
    assert class_indexing.make_new_class_to_idx_map(classes("b", "a", "C"), 1) == {"C": 1, "a": 2, "b": 3}


def test_presets_keep_their_ids_and_excluded_titles_get_none() -> None:
    ids = class_indexing.make_new_class_to_idx_map(classes("a", "b", "c", "void"), 0, {"bg": 1}, ["void"])

    assert ids == {"bg": 1, "a": 0, "b": 2, "c": 3}


@given(
    titles=st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=12),
    presets=st.dictionaries(st.text(min_size=1, max_size=4), st.integers(-2, 6), max_size=3),
    start=st.integers(0, 3),
)
def test_every_title_gets_the_next_free_id(titles: list[str], presets: dict[str, int], start: int) -> None:
    ids = class_indexing.make_new_class_to_idx_map(classes(*titles), start, presets)

    assert set(ids) == {*titles, *presets}
    assert {title: ids[title] for title in presets} == presets
    new = [ids[title] for title in sorted(titles) if title not in presets]
    free = [number for number in range(start, start + 40) if number not in presets.values()]
    assert new == free[: len(new)]


def test_a_preset_title_cannot_be_excluded() -> None:
    with pytest.raises(RuntimeError, match="preset classes names overlap with excluded classes"):
        class_indexing.make_new_class_to_idx_map(classes("a"), 1, {"a": 0}, ["a"])


def test_an_added_title_cannot_be_excluded() -> None:
    with pytest.raises(RuntimeError, match="extra classes names overlap with excluded classes"):
        class_indexing.make_out_classes(classes("a"), Bitmap, ["x"], {"x": [0, 0, 0]})


def test_output_classes_keep_order_and_color() -> None:
    out = class_indexing.make_out_classes(
        classes("b", "void", "a"), Rectangle, ["void"], {"a": [9, 9, 9], "bg": [34] * 3}
    )

    assert [(item.name, item.geometry_type, list(item.color)) for item in out] == [
        ("b", Rectangle, [1, 2, 0]),
        ("a", Rectangle, [1, 2, 2]),
        ("bg", Rectangle, [34, 34, 34]),
    ]


def test_an_unknown_way_to_start_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Unknown weights init type: none"):
        class_indexing.infer_training_class_to_idx_map("none", {}, "config.json", "class_title_to_idx")
