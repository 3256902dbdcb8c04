"""Samples of a project as tensors and boxes, with augmentation: mirrored, scaled, moved, tinted."""

import cv2
import numpy as np
import supervisely_lib as sly
import torch
from supervisely_lib.nn.dataset import SlyDataset

from boxes import Things

LEAST_IN_SIGHT = 0.4  # visible share of a box below which augmentation drops the object


class DetectionDataset(SlyDataset):
    """`dataset[i]` → image (3, H, W) float32 in [0, 1], Things: the boxes around its labels of any shape.

    Randomness comes from torch's generator, which the data loader seeds in each of its workers: with one
    seed a training sees the same images every time.
    """

    def __init__(self, *args, augment=False, **kwargs):
        super().__init__(*args, **kwargs)
        self._augment = augment

    def _get_sample_impl(self, img_fpath, ann_fpath):
        image = sly.image.read(img_fpath)
        boxes, classes = self._boxes(self.load_annotation(ann_fpath))
        boxes *= np.tile(np.divide(self._out_size, image.shape[:2]), 2)
        image = sly.image.resize(image, self._out_size)
        if self._augment:
            rng = np.random.default_rng(torch.randint(2**31, ()).item())
            image, boxes, in_sight = augmented(rng, image, boxes)
            boxes, classes = boxes[in_sight], classes[in_sight]
        return image_to_tensor(image), Things(torch.from_numpy(boxes).float(), torch.from_numpy(classes))

    def _boxes(self, ann):
        """Boxes (N, 4) and class ids (N,) of an annotation, in pixels of its image."""
        boxes = [label.geometry.to_bbox() for label in ann.labels]
        # A rectangle includes its last row and column; its edges lie one pixel further.
        edges = [(box.top, box.left, box.bottom + 1, box.right + 1) for box in boxes]
        ids = [self._class_mapping[label.obj_class.name] for label in ann.labels]
        return np.array(edges, np.float64).reshape(-1, 4), np.array(ids, np.int64)


def augmented(rng, image, boxes):
    """image (H, W, 3) uint8, boxes (N, 4) → both mirrored, scaled, moved and tinted, and which boxes stay visible."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        image = image[:, ::-1]
        boxes = np.stack([boxes[:, 0], width - boxes[:, 3], boxes[:, 2], width - boxes[:, 1]], axis=1)

    scale = rng.uniform(0.8, 1.3)
    down, right = (1 - scale) / 2 * np.array([height, width]) + rng.uniform(-0.15, 0.15, 2) * (height, width)
    # The border is filled with gray: a mirrored border would show objects without boxes.
    matrix = np.array([[scale, 0, right], [0, scale, down]])
    image = cv2.warpAffine(np.ascontiguousarray(image), matrix, (width, height), borderValue=(128, 128, 128))
    moved = boxes * scale + np.array([down, right, down, right])
    clipped = moved.clip(0, np.array([height, width, height, width]))

    contrast, brightness = rng.uniform(0.75, 1.25), rng.uniform(-20, 20)
    image = np.clip(image * contrast + brightness, 0, 255).astype(np.uint8)
    return image, clipped, _areas(clipped) >= LEAST_IN_SIGHT * _areas(moved)


def _areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def image_to_tensor(image):
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]"""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255


def as_batch(samples):
    """Samples → images (B, 3, H, W) and a list of Things, because images have different numbers of objects."""
    images, things = zip(*samples, strict=True)
    return torch.stack(images), list(things)
