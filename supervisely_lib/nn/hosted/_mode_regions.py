"""Modes that apply the model to the whole image, to a fixed part of it, or to the surroundings of each label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection, make_renamed_classes
from supervisely_lib.annotation.obj_class_mapper import RenamingObjClassMapper
from supervisely_lib.annotation.renamer import Renamer, is_name_included
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.config import update_strict
from supervisely_lib.nn.hosted._mode_base import InferenceModeBase, RegionClass, annotated
from supervisely_lib.nn.hosted._mode_config import (
    BOTTOM,
    BOUNDS,
    CLASS_NAME,
    FROM_CLASSES,
    LEFT,
    MATCH_ALL,
    PADDING,
    PERCENT,
    PX,
    RIGHT,
    SAVE,
    TOP,
)
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.project.project_meta import ProjectMeta

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

_NO_MARGIN = dict.fromkeys((LEFT, TOP, RIGHT, BOTTOM), f"0{PX}")


class InfModeFullImage(InferenceModeBase):
    """The whole image, with its annotation."""

    @staticmethod
    def mode_name() -> str:
        return "full_image"

    def _do_infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        return self._annotate(self._model.inference, img, ann)

    def _do_infer_annotate_image_file(self, image_file: str, ann: Annotation) -> Annotation:
        return self._annotate(self._model.inference_image_file, image_file, ann)

    def _annotate(self, infer: Callable[[Any, Annotation], Annotation], source: Any, ann: Annotation) -> Annotation:
        found = infer(source, ann)
        return annotated(
            ann,
            self._kept_labels(found.labels),
            self._kept_tags(found.img_tags),
            self._kept_scores(found.pixelwise_scores_labels),
        )


class InfModeRoi(InferenceModeBase):
    """The image without a margin on each side."""

    @staticmethod
    def mode_name() -> str:
        return "roi"

    @classmethod
    def make_default_config(cls, model_result_suffix: str) -> dict[str, Any]:
        config = super().make_default_config(model_result_suffix)
        update_strict(config, {BOUNDS: dict(_NO_MARGIN), SAVE: False, CLASS_NAME: "inference_roi"})
        return config

    def __init__(self, config: dict[str, Any], in_meta: ProjectMeta, model: SingleImageInferenceBase) -> None:
        super().__init__(config, in_meta, model)
        self._region_class = RegionClass(self._config)
        self._out_meta = self._region_class.added_to(self._out_meta)

    def _do_infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        region = _cropped(ann.img_size, self._config[BOUNDS])
        found = self._infer_region(img, region)
        tags = self._kept_tags(found.img_tags)
        labels = [*self._kept_labels(found.labels), *self._region_class.labels(region, tags)]
        return annotated(ann, labels, tags, self._kept_scores(found.pixelwise_scores_labels))


class InfModeBboxes(InferenceModeBase):
    """The padded bounding box of each label of the chosen classes.

    The label gets the image tags of the model, so that a classifier classifies objects.
    """

    @staticmethod
    def mode_name() -> str:
        return "bboxes"

    @classmethod
    def make_default_config(cls, model_result_suffix: str) -> dict[str, Any]:
        config = super().make_default_config(model_result_suffix)
        own = {FROM_CLASSES: MATCH_ALL, PADDING: dict(_NO_MARGIN), SAVE: False, Renamer.ADD_SUFFIX: "_input_bbox"}
        update_strict(config, own)
        return config

    def __init__(self, config: dict[str, Any], in_meta: ProjectMeta, model: SingleImageInferenceBase) -> None:
        super().__init__(config, in_meta, model)
        self._box_class_mapper: RenamingObjClassMapper | None = None
        if self._config[SAVE]:
            renamer = Renamer(add_suffix=self._config[Renamer.ADD_SUFFIX], save_names=self._config[FROM_CLASSES])
            box_classes = _as_rectangles(make_renamed_classes(in_meta.obj_classes, renamer, skip_missing=True))
            self._out_meta = self._out_meta.add_obj_classes(box_classes)
            self._box_class_mapper = RenamingObjClassMapper(dest_obj_classes=box_classes, renamer=renamer)

    def _do_infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        labels: list[Label] = []
        scores: list[PixelwiseScoresLabel] = []
        for source in ann.labels:
            region = self._region(source, ann.img_size)
            if region is None:
                labels.append(source)
                continue
            found = self._infer_region(img, region)
            labels.extend(self._kept_labels(found.labels))
            scores.extend(self._kept_scores(found.pixelwise_scores_labels))
            tags = self._kept_tags(found.img_tags)
            box_class = self._box_class(source)
            if box_class is not None:
                labels.append(Label(geometry=region, obj_class=box_class, tags=tags))
            labels.append(source.add_tags(tags))
        return annotated(ann.clone(labels=[], pixelwise_scores_labels=[]), labels, scores=scores)

    def _region(self, label: Label, img_size: Sequence[int]) -> Rectangle | None:
        """The region; None for a label of another class, and for a label whose padded box lies outside of the image."""
        if not is_name_included(label.obj_class.name, self._config[FROM_CLASSES]):
            return None
        box = label.geometry.to_bbox()
        padded = _padded((box.height, box.width), self._config[PADDING]).translate(drow=box.top, dcol=box.left)
        inside: list[Rectangle] = padded.crop(Rectangle.from_size(tuple(img_size)))
        return inside[0] if inside else None

    def _box_class(self, source: Label) -> ObjClass | None:
        return None if self._box_class_mapper is None else self._box_class_mapper.map(source.obj_class)


def _as_rectangles(classes: ObjClassCollection) -> ObjClassCollection:
    return ObjClassCollection([item.clone(geometry_type=Rectangle) for item in classes])


def _cropped(size: Sequence[int], amounts: Mapping[str, str]) -> Rectangle:
    """The rectangle that remains of (height, width) without the margins; negative margins do not enlarge the image."""
    [inside] = _moved_sides(size, amounts, sign=1).crop(Rectangle.from_size(tuple(size)))
    return inside


def _padded(size: Sequence[int], amounts: Mapping[str, str]) -> Rectangle:
    """The rectangle of (height, width) enlarged by the amounts on each side; negative amounts shrink it."""
    return _moved_sides(size, amounts, sign=-1)


def _moved_sides(size: Sequence[int], amounts: Mapping[str, str], sign: int) -> Rectangle:
    height, width = size[:2]
    top, bottom = (sign * _pixels(amounts.get(side), height) for side in (TOP, BOTTOM))
    left, right = (sign * _pixels(amounts.get(side), width) for side in (LEFT, RIGHT))
    if top + bottom >= height or left + right >= width:
        raise ValueError(
            f"Nothing is left of {width}x{height} pixels (width x height) with the margins {dict(amounts)}."
        )
    return Rectangle(top=top, left=left, bottom=height - bottom - 1, right=width - right - 1)


def _pixels(amount: str | None, side: int) -> int:
    """A length as text, "5px" or "5%" of the side, rounded down to whole pixels."""
    if amount is None:
        return 0
    if amount.endswith(PX):
        return int(amount[: -len(PX)])
    if amount.endswith(PERCENT):
        return int(side * float(amount[: -len(PERCENT)]) / 100.0)
    raise ValueError(f'Unknown padding size format: {amount}. Expected absolute values as "5px" or relative as "5%"')
