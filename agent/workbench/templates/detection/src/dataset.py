"""Images as tensors, and boxes around their labels of any shape."""

import numpy as np
import supervisely_lib as sly
import torch
from supervisely_lib.nn.dataset import SlyDataset


class DetectionDataset(SlyDataset):
    """`dataset[i]` → image (3, H, W) float32 in [0, 1], boxes (N, 4) float32, class ids (N,) int64."""

    def _get_sample_impl(self, img_fpath, ann_fpath):
        image, ann = sly.image.read(img_fpath), self.load_annotation(ann_fpath)
        boxes = [label.geometry.to_bbox() for label in ann.labels]
        # A rectangle includes its last row and column; its edges lie one pixel further.
        edges = np.array([(b.top, b.left, b.bottom + 1, b.right + 1) for b in boxes], np.float32).reshape(-1, 4)
        edges *= np.tile(np.divide(self._out_size, image.shape[:2]), 2).astype(np.float32)
        ids = [self._class_mapping[label.obj_class.name] for label in ann.labels]
        image = sly.image.resize(image, self._out_size)
        return image_to_tensor(image), torch.from_numpy(edges), torch.tensor(ids, dtype=torch.int64)


def image_to_tensor(image):
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]"""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255
