"""Pairs of tensors from a Supervisely project."""

import numpy as np
import torch

from supervisely_lib.nn.dataset import SlyDataset


def to_input(image):
    return torch.from_numpy(np.ascontiguousarray(image.transpose((2, 0, 1)))).float() / 255.0


class TensorPairs(SlyDataset):
    def _get_sample_impl(self, img_fpath, ann_fpath):
        image, ids = super()._get_sample_impl(img_fpath=img_fpath, ann_fpath=ann_fpath)
        return to_input(image), torch.from_numpy(ids)
