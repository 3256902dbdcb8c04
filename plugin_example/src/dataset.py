"""Samples of a project as tensors, with augmentation: rotated, scaled, tinted."""

import cv2
import numpy as np
import torch
from supervisely_lib.nn.dataset import SlyDataset


class SegmentationDataset(SlyDataset):
    """`dataset[i]` → image (3, H, W) float32 in [0, 1], target (H, W) int64 class ids.

    Randomness comes from torch's generator, which the data loader seeds in each of its workers: with one
    seed a training sees the same images every time.
    """

    def __init__(self, *args, augment=False, **kwargs):
        super().__init__(*args, **kwargs)
        self._augment = augment

    def _get_sample_impl(self, img_fpath, ann_fpath):
        image, target = super()._get_sample_impl(img_fpath, ann_fpath)
        if self._augment:
            rng = np.random.default_rng(torch.randint(2**31, ()).item())
            image, target = augmented(rng, image, target)
        return image_to_tensor(image), torch.from_numpy(target)


def augmented(rng, image, target):
    """image (H, W, 3) uint8, target (H, W) int64 → both mirrored, rotated, scaled and moved, the image also tinted."""
    height, width = target.shape
    if rng.random() < 0.5:
        image, target = image[:, ::-1], target[:, ::-1]

    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle=rng.uniform(-30, 30), scale=rng.uniform(0.8, 1.25))
    turn[:, 2] += rng.uniform(-0.1, 0.1, 2) * (width, height)

    def moved(pixels, how):
        # The border is mirrored, because images in an inference have no black corners either.
        return cv2.warpAffine(pixels, turn, (width, height), flags=how, borderMode=cv2.BORDER_REFLECT_101)

    image = moved(np.ascontiguousarray(image), cv2.INTER_LINEAR)
    target = moved(target.astype(np.int16), cv2.INTER_NEAREST).astype(np.int64)

    contrast, brightness = rng.uniform(0.75, 1.25), rng.uniform(-20, 20)
    return np.clip(image * contrast + brightness, 0, 255).astype(np.uint8), target


def image_to_tensor(image):
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]"""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255
