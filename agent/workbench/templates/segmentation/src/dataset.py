"""Images and targets as tensors."""

import torch
from supervisely_lib.nn.dataset import SlyDataset


class SegmentationDataset(SlyDataset):
    """`dataset[i]` → image (3, H, W) float32 in [0, 1], target (H, W) int64 class ids."""

    def _get_sample_impl(self, img_fpath, ann_fpath):
        image, target = super()._get_sample_impl(img_fpath, ann_fpath)
        return image_to_tensor(image), torch.from_numpy(target)


def image_to_tensor(image):
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]"""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255
