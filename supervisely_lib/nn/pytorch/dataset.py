"""Samples as torch tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from supervisely_lib.nn.dataset import SlyDataset

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20


class PytorchSegmentationSlyDataset(SlyDataset):
    """`dataset[i]` gives `(image, gt)`: image (3, H, W) float32 in [0, 1], gt (H, W) int64 array."""

    def _get_sample_impl(self, img_fpath: str, ann_fpath: str) -> Any:
        img, gt = super()._get_sample_impl(img_fpath=img_fpath, ann_fpath=ann_fpath)
        return image_to_tensor(img), gt


def image_to_tensor(img: NDArray[np.uint8]) -> Any:
    """(H, W, 3) uint8 → (3, H, W) float32 tensor in [0, 1], as torchvision's `to_tensor`."""
    return torch.from_numpy(np.ascontiguousarray(img.transpose(2, 0, 1))).float().div(255)
