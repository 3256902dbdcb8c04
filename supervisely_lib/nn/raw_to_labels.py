"""Conversion of the arrays of a network to labels."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.annotation.label import Label, PixelwiseScoresLabel
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.tag import Tag
from supervisely_lib.annotation.tag_meta import TagMeta
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20


def segmentation_array_to_sly_bitmaps(
    idx_to_class: Mapping[int, ObjClass], pred: NDArray[Any], origin: PointLocation | None = None
) -> list[Label]:
    """A bitmap label per class in `pred`, (H, W) of class ids; `origin` is the location of its top left pixel."""
    labels = []
    for class_id, obj_class in idx_to_class.items():
        mask = pred == class_id
        if mask.any():
            labels.append(Label(geometry=Bitmap(data=mask, origin=origin), obj_class=obj_class))
    return labels


def segmentation_scores_to_per_class_labels(
    idx_to_class: Mapping[int, ObjClass], segmentation_scores: NDArray[Any]
) -> list[PixelwiseScoresLabel]:
    """A label with scores (H, W, 1) per class; each is a channel of `segmentation_scores`, (H, W, C)."""
    return [
        PixelwiseScoresLabel(
            geometry=MultichannelBitmap(data=segmentation_scores[:, :, class_id, np.newaxis]), obj_class=obj_class
        )
        for class_id, obj_class in idx_to_class.items()
    ]


# boxes: (N, 4) or (1, N, 4) of [top, left, bottom, right] in 0…1 of the image; scores and classes: (N,) or (1, N).
DetectionNetworkPrediction = namedtuple("DetectionNetworkPrediction", ["boxes", "scores", "classes"])


def detection_preds_to_sly_rects(
    idx_to_class: Mapping[int, ObjClass],
    network_prediction: DetectionNetworkPrediction,
    img_shape: Sequence[int],
    min_score_threshold: float,
    score_tag_meta: TagMeta,
) -> list[Label]:
    """Rectangle labels, tagged with their score to 4 decimals, for scores above the threshold.

    `img_shape` = (H, W, ...) scales the boxes to whole pixels. ValueError if the numbers of boxes, scores and classes
    differ.
    """
    boxes = np.asarray(network_prediction.boxes).reshape(-1, 4)
    scores = np.asarray(network_prediction.scores).reshape(-1)
    classes = np.asarray(network_prediction.classes).reshape(-1)
    if not len(boxes) == len(scores) == len(classes):
        raise ValueError(
            f"{len(boxes)} boxes, {len(scores)} scores and {len(classes)} classes: the numbers must agree."
        )
    height, width = img_shape[:2]
    labels = []
    for (top, left, bottom, right), score, class_id in zip(boxes, scores, classes):
        if not score > min_score_threshold:
            continue
        rectangle = Rectangle(
            top=round(float(top * height)),
            left=round(float(left * width)),
            bottom=round(float(bottom * height)),
            right=round(float(right * width)),
        )
        label = Label(geometry=rectangle, obj_class=idx_to_class[int(class_id)])
        labels.append(label.add_tag(Tag(score_tag_meta, value=round(float(score), 4))))
    return labels
