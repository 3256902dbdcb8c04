"""The loss of the training, and the metric of its validation."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

IGNORED = -1  # target of neutral pixels, which count as neither correct nor wrong


def segmentation_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Cross entropy + Dice: scores (B, C, H, W), target (B, H, W) class ids → scalar.

    Cross entropy alone favours the background, which covers most of every image. Dice weighs each class by its
    own area, so a small fruit counts as much as the table.
    """
    counted = (target != IGNORED).sum().clamp(min=1)  # at least 1, because all pixels of a batch may be neutral
    cross_entropy = F.cross_entropy(scores, target, ignore_index=IGNORED, reduction="sum") / counted
    return cross_entropy + dice_loss(scores, target)


def dice_loss(scores: Tensor, target: Tensor) -> Tensor:
    """One minus the overlap of prediction and truth, averaged over the classes present in the batch."""
    counted = (target != IGNORED).unsqueeze(1)  # (B, 1, H, W)
    truth = F.one_hot(target.where(counted.squeeze(1), 0), scores.shape[1])  # (B, H, W, C)
    truth = truth.permute(0, 3, 1, 2) * counted  # (B, C, H, W)
    guess = scores.softmax(dim=1) * counted
    overlap = (guess * truth).sum(dim=(0, 2, 3))  # (C,)
    area = (guess + truth).sum(dim=(0, 2, 3))
    present = truth.sum(dim=(0, 2, 3)) > 0
    return 1 - (2 * overlap / area.clamp(min=1) * present).sum() / present.sum().clamp(min=1)


class Confusion:
    """Counts of pixels by true and predicted class, added up over batches."""

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)  # [truth, guess]

    def add(self, guess: Tensor, target: Tensor) -> None:
        """guess, target: class ids of the same shape."""
        counted = target != IGNORED
        num_classes = len(self.counts)
        pairs = target[counted] * num_classes + guess[counted]
        self.counts += torch.bincount(pairs.cpu(), minlength=num_classes**2).reshape(num_classes, num_classes)

    def mean_iou(self) -> float:
        """Intersection over union, averaged over the classes that occur; in [0, 1]."""
        return _mean_iou(self.counts)

    def mean_iou_of_always(self, class_id: int) -> float:
        """The mean IoU of a predictor that always predicts the same class."""
        blind = torch.zeros_like(self.counts)
        blind[:, class_id] = self.counts.sum(dim=1)
        return _mean_iou(blind)


def _mean_iou(counts: Tensor) -> float:
    right = counts.diagonal().double()
    union = counts.sum(dim=0) + counts.sum(dim=1) - right
    occurs = counts.sum(dim=1) > 0
    return float((right / union)[occurs].mean())
