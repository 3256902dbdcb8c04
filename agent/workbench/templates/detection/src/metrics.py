"""The loss of the training, and how good predictions are."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by

from boxes import boxes_of, iou

RIGHT = 0.5  # overlap from which a box counts as right


def detection_loss(heat, sides, wanted_heat, wanted_boxes):
    """The network's maps of a batch and the wanted ones → scalar: focal loss of centres, and distance of edges."""
    score = heat.sigmoid()
    missed = -F.logsigmoid(heat) * (1 - score) ** 2 * wanted_heat
    invented = -F.logsigmoid(-heat) * score**2 * (1 - wanted_heat)
    count = wanted_heat.sum().clamp(min=1)
    there = wanted_heat.amax(dim=1, keepdim=True)  # (B, 1, h, w)
    apart = (boxes_of(sides) - wanted_boxes).abs() * there
    return (missed + invented).sum() / count + 0.1 * apart.sum() / count


def counts(found, boxes, classes):
    """Boxes that were found, and those that were to be found → how many are right."""
    found_boxes, found_classes, _ = found
    overlaps = iou(found_boxes, boxes) * (found_classes[:, None] == classes[None])
    right = 0
    for at in range(len(found_boxes)):
        if len(boxes) and overlaps[at].max() >= RIGHT:
            right += 1
            overlaps[:, int(overlaps[at].argmax())] = 0
    return right


def f1(right, found, wanted):
    """Numbers of boxes → in [0, 1]; 1 where each box was found and nothing else."""
    return 2 * right / max(found + wanted, 1)


def as_batch(samples):
    """Samples of the dataset → images (B, 3, H, W), and lists of boxes and of class ids."""
    images, boxes, classes = zip(*samples, strict=True)
    return torch.stack(images), list(boxes), list(classes)
