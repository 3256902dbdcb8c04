"""Modes that apply the model to the image window by window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Dict

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.sliding_windows import SlidingWindows
from supervisely_lib.nn.config import update_strict
from supervisely_lib.nn.hosted._mode_base import InferenceModeBase, RegionClass, annotated
from supervisely_lib.nn.hosted._mode_config import (
    CLASS_NAME,
    CONFIDENCE,
    CONFIDENCE_TAG_NAME,
    ENABLE,
    HEIGHT,
    IOU_THRESHOLD,
    MIN_OVERLAP,
    NMS_AFTER,
    SAVE,
    SAVE_PROBABILITIES,
    WIDTH,
    WINDOW,
    X,
    Y,
)
from supervisely_lib.nn.hosted._nms import suppress
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.raw_to_labels import (
    segmentation_array_to_sly_bitmaps,
    segmentation_scores_to_per_class_labels,
)
from supervisely_lib.project.project_meta import ProjectMeta

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

    ClassScores = Dict[str, NDArray[np.float64]]  # the model's class name → (H, W)


class InfModeSlidinglWindowBase(InferenceModeBase):
    """Windows of the same size, row by row; the last window of a row or column is moved back into the image."""

    @classmethod
    def make_default_config(cls, model_result_suffix: str) -> dict[str, Any]:
        config = super().make_default_config(model_result_suffix)
        own = {
            WINDOW: {WIDTH: 128, HEIGHT: 128},
            MIN_OVERLAP: {X: 0, Y: 0},
            SAVE: False,
            CLASS_NAME: "sliding_window",
        }
        update_strict(config, own)
        return config

    def __init__(self, config: dict[str, Any], in_meta: ProjectMeta, model: SingleImageInferenceBase) -> None:
        super().__init__(config, in_meta, model)
        window, overlap = self._config[WINDOW], self._config[MIN_OVERLAP]
        self._windows = SlidingWindows((window[HEIGHT], window[WIDTH]), (overlap[Y], overlap[X]))
        self._region_class = RegionClass(self._config)
        self._out_meta = self._region_class.added_to(self._out_meta)


class InfModeSlidingWindowSegmentation(InfModeSlidinglWindowBase):
    """For models that give scores per pixel: the scores of windows are summed, and each pixel gets its best class."""

    @staticmethod
    def mode_name() -> str:
        return "sliding_window"

    def _do_infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        sums: ClassScores = {}
        counts: ClassScores = {}
        regions: list[Label] = []
        for region in self._windows.get(ann.img_size):
            found = self._infer_region(img, region)
            for label in found.pixelwise_scores_labels:
                _add_scores(label, ann.img_size, sums, counts)
            regions.extend(self._region_class.labels(region, self._kept_tags(found.img_tags)))

        totals = np.stack(list(sums.values()), axis=2) if sums else np.zeros((*ann.img_size, 1))
        # A pixel without scores has no best class.
        if totals.sum(axis=2).min() == 0:
            raise RuntimeError("Wrong sliding window moving, implementation error.")

        classes = self._listed_classes(sums)
        labels = self._kept_labels(segmentation_array_to_sly_bitmaps(classes, np.argmax(totals, axis=2)))
        scores: list[PixelwiseScoresLabel] = []
        if self._config.get(SAVE_PROBABILITIES, False):
            means = totals / np.stack(list(counts.values()), axis=2)
            scores = self._kept_scores(segmentation_scores_to_per_class_labels(classes, means))
        return annotated(ann, [*regions, *labels], scores=scores)

    def _listed_classes(self, names: ClassScores) -> dict[int, ObjClass]:
        """Channel → class, for the classes in the model's output meta; other classes are internal to the model."""
        listed = {item.name: item for item in self._model.model_out_meta.obj_classes}
        return {index: listed[name] for index, name in enumerate(names) if name in listed}


class InfModeSlidingWindowDetection(InfModeSlidinglWindowBase):
    """For models that give rectangles; overlapping rectangles of neighbouring windows may be suppressed."""

    @staticmethod
    def mode_name() -> str:
        return "sliding_window_det"

    @classmethod
    def make_default_config(cls, model_result_suffix: str) -> dict[str, Any]:
        config = super().make_default_config(model_result_suffix)
        own = {NMS_AFTER: {ENABLE: False, IOU_THRESHOLD: 0.0, CONFIDENCE_TAG_NAME: CONFIDENCE}}
        update_strict(config, own)
        return config

    def _do_infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        found_labels: list[Label] = []
        regions: list[Label] = []
        for region in self._windows.get(ann.img_size):
            found = self._infer_region(img, region)
            # Classes that are not kept need no comparison.
            found_labels.extend(
                label
                for label in found.labels
                if isinstance(label.geometry, Rectangle) and self._class_mapper.map(label.obj_class) is not None
            )
            regions.extend(self._region_class.labels(region, self._kept_tags(found.img_tags)))

        nms = self._config[NMS_AFTER]
        if nms[ENABLE]:
            tag_name = nms.get(CONFIDENCE_TAG_NAME, CONFIDENCE)
            found_labels = suppress(found_labels, nms[IOU_THRESHOLD], tag_name)
        return annotated(ann, [*regions, *self._kept_labels(found_labels)])


def _add_scores(label: PixelwiseScoresLabel, img_size: Sequence[int], sums: ClassScores, counts: ClassScores) -> None:
    name = label.obj_class.name
    if name not in sums:
        sums[name], counts[name] = np.zeros(tuple(img_size)), np.zeros(tuple(img_size))
    box = label.geometry.to_bbox()
    box.get_cropped_numpy_slice(sums[name])[...] += label.geometry.data[:, :, 0]
    box.get_cropped_numpy_slice(counts[name])[...] += 1
