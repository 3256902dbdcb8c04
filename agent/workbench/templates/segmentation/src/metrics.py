"""How good predictions are."""

import torch


def mean_iou(guess, target, num_classes):
    """Intersection over union of class ids of the same shape, averaged over the classes that occur; in [0, 1]."""
    pairs = (target * num_classes + guess).flatten().cpu()
    counts = torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)  # [truth, guess]
    right = counts.diagonal().double()
    union = counts.sum(dim=0) + counts.sum(dim=1) - right
    return float((right / union)[counts.sum(dim=1) > 0].mean())
