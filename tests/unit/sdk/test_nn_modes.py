"""Inference modes: configs, the model's input, and the kept part of its output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_collection import TagCollection
from supervisely_lib.annotation.tag_meta import TagMeta, TagValueType
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection
from supervisely_lib.collection.key_indexed_collection import DuplicateKeyError
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted import _mode_regions as regions
from supervisely_lib.nn.hosted.inference_modes import (
    InferenceModeBase,
    InferenceModeFactory,
    InfModeBboxes,
    InfModeFullImage,
    InfModeRoi,
    InfModeSlidingWindowDetection,
    InfModeSlidingWindowSegmentation,
    get_effective_inference_mode_config,
)
from supervisely_lib.project.project_meta import ProjectMeta

ALL_MODES = list(InferenceModeFactory.mapping)
BOX = ObjClass("box", Rectangle)
MASK = ObjClass("mask", Bitmap)
CONFIDENCE = TagMeta("confidence", TagValueType.ANY_NUMBER)
BLURRED = TagMeta("blurred", TagValueType.NONE)
MODEL_META = ProjectMeta(
    obj_classes=ObjClassCollection([BOX, MASK]), tag_metas=TagMetaCollection([CONFIDENCE, BLURRED])
)
CAR = ObjClass("car", Rectangle)
IN_META = ProjectMeta(obj_classes=ObjClassCollection([CAR]))
IMAGE = np.zeros((20, 30, 3), dtype=np.uint8)


class Model:
    """A model that returns the function's value for the size of its input, and records the sizes."""

    def __init__(self, answer: Callable[[tuple[int, int]], dict[str, Any]], meta: ProjectMeta = MODEL_META) -> None:
        self.model_out_meta = meta
        self.shown: list[tuple[int, int]] = []
        self._answer = answer

    def inference(self, image: Any, ann: Annotation) -> Annotation:
        size = image.shape[:2]
        assert tuple(ann.img_size) == size
        self.shown.append(size)
        return Annotation(img_size=size, **self._answer(size))


def box_everywhere(size: tuple[int, int]) -> dict[str, Any]:
    scored = TagCollection([Tag(CONFIDENCE, value=0.5), Tag(BLURRED)])
    return {"labels": [Label(Rectangle.from_size(size), BOX, tags=scored)], "img_tags": TagCollection([Tag(BLURRED)])}


def make(mode: type[InferenceModeBase], model: Model, in_meta: ProjectMeta = IN_META, **settings: Any) -> Any:
    config = get_effective_inference_mode_config({"name": mode.mode_name(), **settings}, {})
    return mode(config, in_meta, model)  # type: ignore[arg-type]


def rectangles(ann: Annotation) -> list[tuple[str, int, int, int, int]]:
    boxes = [(label.obj_class.name, label.geometry.to_bbox()) for label in ann.labels]
    return [(name, box.top, box.left, box.bottom, box.right) for name, box in boxes]


def tags_of(thing: Any) -> list[tuple[str, Any]]:
    return [(tag.name, tag.value) for tag in thing]


# ---- configs ----


@pytest.mark.parametrize("name", ALL_MODES)
def test_default_configs_follow_their_own_schema(name: str) -> None:
    InferenceModeFactory.create(
        InferenceModeFactory.mapping[name].make_default_config("_model"), IN_META, Model(box_everywhere)
    )


def test_the_default_config_of_a_region_is_the_official_one() -> None:
    assert InfModeRoi.make_default_config("_unet") == {
        "name": "roi",
        "model_classes": {"add_suffix": "_unet", "save_classes": "__all__"},
        "model_tags": {"add_suffix": "_unet", "save_classes": "__all__"},
        "bounds": {"left": "0px", "top": "0px", "right": "0px", "bottom": "0px"},
        "save": False,
        "class_name": "inference_roi",
    }


def test_the_plugins_defaults_apply_to_their_own_mode_only() -> None:
    default = InfModeFullImage.make_default_config("_unet")

    assert get_effective_inference_mode_config({}, default)["model_classes"]["add_suffix"] == "_unet"
    assert get_effective_inference_mode_config({"name": "roi"}, default)["model_classes"]["add_suffix"] == ""


def test_the_task_has_the_last_word_key_by_key() -> None:
    task = {"model_classes": {"save_classes": ["box"]}, "bounds": {"left": "5px"}}

    config = get_effective_inference_mode_config(task, InfModeRoi.make_default_config("_x"))

    assert config["model_classes"] == {"save_classes": ["box"], "add_suffix": "_x"}
    assert config["bounds"] == {"left": "5px", "top": "0px", "right": "0px", "bottom": "0px"}


def test_a_mode_must_be_named_by_somebody() -> None:
    with pytest.raises(RuntimeError, match=r"Inference mode name \(name key\) not found in mode config\."):
        get_effective_inference_mode_config({}, {})


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"bboxes_classifier.*full_image, roi, bboxes, sliding_window"):
        get_effective_inference_mode_config({"name": "bboxes_classifier"}, {})


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("full_image", {"bounds": {}}),
        ("full_image", {"model_classes": {"suffix": "_x"}}),
        ("full_image", {"model_classes": {"save_classes": "box"}}),
        ("roi", {"bounds": {"left": "5"}}),
        ("roi", {"bounds": {"left": "1.5px"}}),
        ("roi", {"bounds": {"left": 5}}),
        ("roi", {"save": "yes"}),
        ("bboxes", {"from_classes": "car"}),
        ("bboxes", {"class_name": "x"}),
        ("bboxes", {"padding": {"middle": "1px"}}),
        ("sliding_window", {"window": {"width": 0}}),
        ("sliding_window", {"window": {"width": 10.0}}),
        ("sliding_window", {"min_overlap": {"x": -1}}),
        ("sliding_window", {"nms_after": {"enable": False}}),
        ("sliding_window_det", {"nms_after": {"iou_threshold": 1.5}}),
        ("sliding_window_det", {"nms_after": {"enable": "no"}}),
    ],
)
def test_configs_that_break_the_schema_are_refused(name: str, settings: dict[str, Any]) -> None:
    config = get_effective_inference_mode_config({"name": name, **settings}, {})

    with pytest.raises(RuntimeError, match=r"JSON validation\. Type: inference_mode_config"):
        InferenceModeFactory.create(config, IN_META, Model(box_everywhere))


@pytest.mark.parametrize("name", ALL_MODES)
def test_every_key_of_a_mode_is_required_but_the_renamers(name: str) -> None:
    full = InferenceModeFactory.mapping[name].make_default_config("")
    optional = {"model_classes", "model_tags", "save_probabilities"}

    for key in full:
        config = {other: value for other, value in full.items() if other != key}
        if key in optional:
            InferenceModeFactory.mapping[name](config, IN_META, Model(box_everywhere))  # type: ignore[arg-type]
        else:
            with pytest.raises(RuntimeError, match="inference_mode_config"):
                InferenceModeFactory.mapping[name](config, IN_META, Model(box_everywhere))  # type: ignore[arg-type]


# ---- output meta ----


def test_kept_classes_are_renamed_and_appended() -> None:
    mode = make(InfModeFullImage, Model(box_everywhere), model_classes={"save_classes": ["box"], "add_suffix": "_m"})

    assert [item.name for item in mode.out_meta.obj_classes] == ["car", "box_m"]
    assert [item.name for item in mode.out_meta.tag_metas] == ["confidence", "blurred"]


def test_a_name_the_project_uses_already_is_refused() -> None:
    taken = ProjectMeta(obj_classes=ObjClassCollection([ObjClass("box_m", Rectangle)]))

    with pytest.raises(DuplicateKeyError):
        make(InfModeFullImage, Model(box_everywhere), taken, model_classes={"add_suffix": "_m"})


@pytest.mark.parametrize("mode", [InfModeRoi, InfModeSlidingWindowDetection, InfModeSlidingWindowSegmentation])
def test_the_class_of_saved_regions_is_part_of_the_output(mode: type[InferenceModeBase]) -> None:
    assert make(mode, Model(box_everywhere), save=True, class_name="shown").out_meta.obj_classes.has_key("shown")
    assert not make(mode, Model(box_everywhere), class_name="shown").out_meta.obj_classes.has_key("shown")


# ---- what is kept ----


def test_labels_and_tags_that_are_not_kept_are_dropped() -> None:
    mode = make(
        InfModeFullImage,
        Model(box_everywhere),
        model_classes={"save_classes": ["box"], "add_suffix": "_m"},
        model_tags={"save_names": ["confidence"], "add_suffix": "_m"},
    )

    result = mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30), img_description="kept"))

    [label] = result.labels
    assert label.obj_class.name == "box_m"
    assert tags_of(label.tags) == [("confidence_m", 0.5)]
    assert tags_of(result.img_tags) == []
    assert result.img_description == "kept"


def test_a_region_is_moved_back_to_where_it_was_cut() -> None:
    model = Model(box_everywhere)
    mode = make(InfModeRoi, model, bounds={"left": "10%", "top": "5px", "right": "1px"}, save=True)

    result = mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30)))

    assert model.shown == [(15, 26)]
    assert rectangles(result) == [("box", 5, 3, 19, 28), ("inference_roi", 5, 3, 19, 28)]
    assert tags_of(result.img_tags) == [("blurred", None)]
    assert tags_of(result.labels[1].tags) == [("blurred", None)]


def test_a_region_never_reaches_outside_of_the_image() -> None:
    model = Model(box_everywhere)

    make(InfModeRoi, model, bounds={"left": "-5px", "bottom": "-50%"}).infer_annotate(IMAGE, Annotation((20, 30)))

    assert model.shown == [(20, 30)]


def test_margins_that_leave_nothing_are_named() -> None:
    mode = make(InfModeRoi, Model(box_everywhere), bounds={"left": "60%", "right": "40%"})

    with pytest.raises(ValueError, match=r"Nothing is left of 30x20 pixels.*'left': '60%'"):
        mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30)))


def test_each_chosen_label_is_shown_padded_and_tagged() -> None:
    model = Model(box_everywhere)
    mode = make(
        InfModeBboxes, model, padding={"left": "50%", "top": "3px"}, save=True, model_classes={"save_names": []}
    )
    cars = [Label(Rectangle(2, 10, 5, 13), CAR), Label(Rectangle(10, 0, 19, 29), CAR)]

    result = mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30), labels=cars))

    assert model.shown == [(6, 6), (13, 30)]
    assert rectangles(result) == [
        ("car_input_bbox", 0, 8, 5, 13),
        ("car", 2, 10, 5, 13),
        ("car_input_bbox", 7, 0, 19, 29),
        ("car", 10, 0, 19, 29),
    ]
    assert all(tags_of(label.tags) == [("blurred", None)] for label in result.labels)


def test_labels_of_other_classes_are_left_alone() -> None:
    model = Model(box_everywhere)
    car = Label(Rectangle(2, 10, 5, 13), CAR)

    result = make(InfModeBboxes, model, from_classes=[]).infer_annotate(IMAGE, Annotation((20, 30), labels=[car]))

    assert model.shown == []
    assert rectangles(result) == [("car", 2, 10, 5, 13)]


def scores_by_side(size: tuple[int, int]) -> dict[str, Any]:
    """`mask` has the higher score on the left half of the input, `other` on the right half."""
    left = np.zeros((*size, 1))
    left[:, : size[1] // 2] = 1
    other = ObjClass("other", Bitmap)
    labels = [
        PixelwiseScoresLabel(MultichannelBitmap(data=scores), item)
        for item, scores in ((MASK, left), (other, 1 - left))
    ]
    return {"pixelwise_scores_labels": labels}


SCORED = ProjectMeta(obj_classes=ObjClassCollection([MASK, ObjClass("other", Bitmap)]))


def test_scores_of_windows_become_one_mask_per_class() -> None:
    model = Model(scores_by_side, SCORED)
    mode = make(InfModeSlidingWindowSegmentation, model, window={"width": 10, "height": 20}, save=True)

    result = mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30)))

    assert model.shown == [(20, 10)] * 3
    assert [label.obj_class.name for label in result.labels] == ["sliding_window"] * 3 + ["mask", "other"]
    mask = np.zeros((20, 30), dtype=bool)
    result.labels[3].geometry.draw(mask, True)
    assert mask[0].tolist() == ([True] * 5 + [False] * 5) * 3


def test_the_last_window_is_moved_back_into_the_image() -> None:
    model = Model(box_everywhere)
    mode = make(InfModeSlidingWindowDetection, model, window={"width": 14, "height": 20}, min_overlap={"x": 2})

    result = mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30)))

    assert rectangles(result) == [("box", 0, 0, 19, 13), ("box", 0, 12, 19, 25), ("box", 0, 16, 19, 29)]


def test_overlapping_finds_of_windows_are_suppressed_on_request() -> None:
    mode = make(
        InfModeSlidingWindowDetection,
        Model(box_everywhere),
        window={"width": 14, "height": 20},
        min_overlap={"x": 2},
        nms_after={"enable": True, "iou_threshold": 0.2},
        model_tags={"save_names": []},
    )

    result = mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30)))

    assert rectangles(result) == [("box", 0, 0, 19, 13), ("box", 0, 16, 19, 29)]


@pytest.mark.parametrize("mode", [InfModeSlidingWindowDetection, InfModeSlidingWindowSegmentation])
def test_a_window_larger_than_the_image_is_refused(mode: type[InferenceModeBase]) -> None:
    with pytest.raises(RuntimeError, match=r"Sliding window: window is larger than source \(image\)\."):
        make(mode, Model(box_everywhere), window={"width": 31, "height": 5}).infer_annotate(IMAGE, Annotation((20, 30)))


def test_an_overlap_as_large_as_the_window_is_refused() -> None:
    with pytest.raises(RuntimeError, match="overlap is too high"):
        make(InfModeSlidingWindowDetection, Model(box_everywhere), window={"width": 5}, min_overlap={"x": 5})


def test_a_model_without_scores_cannot_segment_by_windows() -> None:
    mode = make(InfModeSlidingWindowSegmentation, Model(box_everywhere), window={"width": 10, "height": 10})

    with pytest.raises(RuntimeError, match=r"Wrong sliding window moving, implementation error\."):
        mode.infer_annotate(IMAGE, Annotation(img_size=(20, 30)))


@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    amounts=st.fixed_dictionaries(
        {
            side: st.tuples(st.integers(-60, 60), st.sampled_from(["px", "%"]))
            for side in ("left", "top", "right", "bottom")
        }
    ),
)
def test_a_cut_region_is_inside_or_refused(size: tuple[int, int], amounts: dict[str, tuple[int, str]]) -> None:
    texts = {side: f"{number}{unit}" for side, (number, unit) in amounts.items()}
    try:
        region = regions._cropped(size, texts)
    except ValueError:
        return
    assert Rectangle.from_size(size).contains(region)
