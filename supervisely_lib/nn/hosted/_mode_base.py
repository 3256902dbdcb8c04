"""The common base of inference modes: the output meta, and the conversion of the model's labels for the project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import make_renamed_classes
from supervisely_lib.annotation.obj_class_mapper import RenamingObjClassMapper
from supervisely_lib.annotation.renamer import Renamer
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_collection import TagCollection
from supervisely_lib.annotation.tag_meta_collection import make_renamed_tag_metas
from supervisely_lib.annotation.tag_meta_mapper import RenamingTagMetaMapper, make_renamed_tags
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.nn.hosted._mode_config import (
    CLASS_NAME,
    MATCH_ALL,
    MODEL_CLASSES,
    MODEL_TAGS,
    NAME,
    SAVE,
    SAVE_PROBABILITIES,
    check_mode_config,
)
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.project.project_meta import ProjectMeta

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

AnyLabel = TypeVar("AnyLabel", Label, PixelwiseScoresLabel)


class InferenceModeBase:
    """A way to apply a model to an image and to keep its results.

    `config` must be complete (see `get_effective_inference_mode_config`); RuntimeError if it violates the schema.
    DuplicateKeyError if the input project already has the name of a renamed class or tag of the model.
    """

    @staticmethod
    def mode_name() -> str:
        """The mode's name in configs."""
        raise NotImplementedError

    @classmethod
    def make_default_config(cls, model_result_suffix: str) -> dict[str, Any]:
        """A complete config that keeps all classes and tags of the model and appends the suffix to their names."""
        keep_all = Renamer(add_suffix=model_result_suffix, save_names=MATCH_ALL)
        return {
            MODEL_CLASSES: keep_all.to_json(),
            MODEL_TAGS: keep_all.to_json(),
            NAME: cls.mode_name(),
        }

    def __init__(self, config: dict[str, Any], in_meta: ProjectMeta, model: SingleImageInferenceBase) -> None:
        check_mode_config(self.mode_name(), config)
        self._config = deepcopy(config)
        self._model = model
        model_meta = model.model_out_meta

        class_renamer = Renamer.from_json(config.get(MODEL_CLASSES, {}))
        classes = make_renamed_classes(model_meta.obj_classes, class_renamer, skip_missing=True)
        out_meta = in_meta.add_obj_classes(classes)
        # All classes of the result, because a model may also return the labels of its input.
        self._class_mapper = RenamingObjClassMapper(dest_obj_classes=out_meta.obj_classes, renamer=class_renamer)

        tag_renamer = Renamer.from_json(config.get(MODEL_TAGS, {}))
        tag_metas = make_renamed_tag_metas(model_meta.tag_metas, tag_renamer, skip_missing=True)
        self._tag_meta_mapper = RenamingTagMetaMapper(dest_tag_meta_dict=tag_metas, renamer=tag_renamer)

        self._out_meta = out_meta.add_tag_metas(tag_metas)

    @property
    def out_meta(self) -> ProjectMeta:
        """Classes and tags of the result: of the input, of the model as far as kept, and of saved regions."""
        return self._out_meta

    def infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        """`ann` with the results of the model for `img`, (H, W, 3) RGB. `ann` must have been read with `out_meta`."""
        return self._do_infer_annotate(img, ann)

    def infer_annotate_image_file(self, image_file: str, ann: Annotation) -> Annotation:
        """As `infer_annotate`, for an image file."""
        return self._do_infer_annotate_image_file(image_file, ann)

    def _do_infer_annotate(self, img: NDArray[np.uint8], ann: Annotation) -> Annotation:
        raise NotImplementedError

    def _do_infer_annotate_image_file(self, image_file: str, ann: Annotation) -> Annotation:
        return self._do_infer_annotate(sly_image.read(image_file), ann)

    def _infer_region(self, img: NDArray[np.uint8], region: Rectangle) -> Annotation:
        """The results of the model for a part of the image: coordinates of the whole image, names of the model."""
        found = self._model.inference(
            region.get_cropped_numpy_slice(img), Annotation(img_size=(region.height, region.width))
        )
        return Annotation(
            img_size=img.shape[:2],
            labels=[label.translate(drow=region.top, dcol=region.left) for label in found.labels],
            img_tags=found.img_tags,
            img_description=found.img_description,
            pixelwise_scores_labels=[
                label.translate(drow=region.top, dcol=region.left) for label in found.pixelwise_scores_labels
            ],
        )

    def _kept_labels(self, labels: Iterable[AnyLabel]) -> list[AnyLabel]:
        """The model's labels under their names in the result, without labels of classes that are not kept."""
        kept = []
        for label in labels:
            obj_class = self._class_mapper.map(label.obj_class)
            if obj_class is not None:
                kept.append(label.clone(obj_class=obj_class, tags=self._kept_tags(label.tags)))
        return kept

    def _kept_tags(self, tags: TagCollection) -> TagCollection:
        """The model's tags under their names in the result, without tags that are not kept."""
        return make_renamed_tags(tags, self._tag_meta_mapper, skip_missing=True)

    def _kept_scores(self, labels: Iterable[PixelwiseScoresLabel]) -> list[PixelwiseScoresLabel]:
        """As `_kept_labels` for scores, if the config asks for scores."""
        return self._kept_labels(labels) if self._config.get(SAVE_PROBABILITIES, False) else []


def annotated(
    ann: Annotation,
    labels: Iterable[Label],
    tags: Iterable[Tag] = (),
    scores: Iterable[PixelwiseScoresLabel] = (),
) -> Annotation:
    """`ann` with more labels, tags and scores.

    Labels with raw network output are dropped: a project cannot hold them.
    """
    all_labels = (label for label in (*ann.labels, *labels) if not isinstance(label.geometry, MultichannelBitmap))
    return ann.clone(
        labels=list(all_labels),
        img_tags=ann.img_tags.add_items(tags),
        pixelwise_scores_labels=[*ann.pixelwise_scores_labels, *scores],
    )


class RegionClass:
    """The class under which a mode saves the regions that it passed to the model, if it saves them."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.obj_class = ObjClass(name=config[CLASS_NAME], geometry_type=Rectangle) if config[SAVE] else None

    def added_to(self, meta: ProjectMeta) -> ProjectMeta:
        """The meta with this class. DuplicateKeyError if the meta already has a class of that name."""
        return meta if self.obj_class is None else meta.add_obj_class(self.obj_class)

    def labels(self, region: Rectangle, tags: TagCollection) -> Sequence[Label]:
        """The region as a list with a label; an empty list if regions are not saved."""
        return [] if self.obj_class is None else [Label(geometry=region, obj_class=self.obj_class, tags=tags)]
