"""Images as tensors, and which of the tags each has."""

import supervisely_lib as sly
import torch
from supervisely_lib.nn.dataset import SlyDataset


class ClassificationDataset(SlyDataset):
    """`dataset[i]` → image (3, H, W) float32 in [0, 1], the id of its tag (int).

    The class mapping is that of tags; an image has one of them (`samples_with_one_tag`).
    """

    def _get_sample_impl(self, img_fpath, ann_fpath):
        image, ann = sly.image.read(img_fpath), self.load_annotation(ann_fpath)
        (tag_id,) = tag_ids(ann, self._class_mapping)
        return image_to_tensor(sly.image.resize(image, self._out_size)), tag_id


def tag_ids(ann, tag_to_idx):
    """The ids of the tags of an image that the model knows."""
    return [tag_to_idx[tag.name] for tag in ann.img_tags if tag.name in tag_to_idx]


def samples_with_one_tag(samples, meta, tag_to_idx, purpose):
    """The samples that have exactly one tag of the model. RuntimeError if there is none."""
    kept = [s for s in samples if len(tag_ids(sly.Annotation.load_json_file(s[1], meta), tag_to_idx)) == 1]
    if len(kept) < len(samples):
        left = len(samples) - len(kept)
        sly.logger.warning("Images without exactly one tag are left out.", extra={"purpose": purpose, "images": left})
    if not kept:
        raise RuntimeError(f"No image for {purpose} has exactly one of the tags {', '.join(tag_to_idx)}.")
    return kept


def image_to_tensor(image):
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]"""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255
