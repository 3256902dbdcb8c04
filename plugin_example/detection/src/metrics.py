"""The loss of the training, and the metric of its validation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

from boxes import Found, Maps, Things, boxes_of, iou, maps_of, paired_iou

RIGHT = 0.5  # intersection over union from which a box counts as correct


def detection_loss(heat: Tensor, sides: Tensor, things: Sequence[Things], size: tuple[int, int]) -> Tensor:
    """The network's maps and the true objects of a batch → scalar. `size`: (H, W) of the images."""
    wanted = [maps_of(of_picture, heat.shape[1], size) for of_picture in things]
    maps = Maps(*(torch.stack(same) for same in zip(*wanted, strict=True)))
    count = max(sum(len(of_picture.classes) for of_picture in things), 1)
    return heat_loss(heat, maps.heat) / count + 2 * box_loss(boxes_of(sides), maps.boxes, maps.weight)


def heat_loss(heat: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss of a map of centres: wanted (B, C, h, w) is 1 at a centre and falls off around it → sum.

    Cells that are correct already hardly count. A peak in a neighbouring cell is a smaller error than a distant peak.
    """
    score = heat.sigmoid()
    missed = -F.logsigmoid(heat) * (1 - score) ** 2
    invented = -F.logsigmoid(-heat) * score**2 * (1 - wanted) ** 4
    return torch.where(wanted == 1, missed, invented).sum()


def box_loss(boxes: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """One minus the overlap of boxes (B, 4, h, w) with the wanted boxes, where weight (B, h, w) is not 0 → mean.

    A cell's box always holds the centre of the cell, so the two overlap from the first step on.
    """
    there = weight > 0
    overlap = paired_iou(boxes.transpose(0, 1)[:, there], wanted.transpose(0, 1)[:, there])
    return ((1 - overlap) * weight[there]).sum() / weight.sum().clamp(min=1e-6)


def mean_average_precision(found: Sequence[Found], things: Sequence[Things]) -> float:
    """Area under precision over recall, averaged over the classes that occur; in [0, 1].

    Both lists have an item per image.
    """
    present = torch.cat([of_picture.classes for of_picture in things]).unique().tolist()
    precisions = [average_precision(found, things, class_id) for class_id in present]
    return sum(precisions) / max(len(precisions), 1)


def average_precision(found: Sequence[Found], things: Sequence[Things], class_id: int) -> float:
    """Average precision of a class. The first box that finds an object is correct; a second box is wrong."""
    guesses: list[tuple[float, bool]] = []  # score, whether correct
    total = 0
    for in_picture, to_find in zip(found, things, strict=True):
        boxes = to_find.boxes[to_find.classes == class_id]
        total += len(boxes)
        mine = in_picture.classes == class_id
        overlaps = iou(in_picture.boxes[mine], boxes)  # (K, N), the most confident first
        for score, overlap in zip(in_picture.scores[mine].tolist(), overlaps, strict=True):
            best = int(overlap.argmax()) if len(boxes) else -1
            is_right = best >= 0 and bool(overlap[best] >= RIGHT)
            guesses.append((score, is_right))
            if is_right:
                overlaps[:, best] = 0

    guesses.sort(key=lambda guess: -guess[0])
    right = torch.tensor([is_right for _, is_right in guesses], dtype=torch.float64)
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    # The precision at a recall is the best precision at this or a higher recall, so that chance in the order counts
    # less.
    best_to_come = precision.flip(0).cummax(0).values.flip(0) if len(right) else precision
    return float((best_to_come * right).sum() / max(total, 1))


def same_guess(things: Sequence[Things], num_classes: int) -> Found:
    """A guess that ignores the image: the average box of each class, as often as the class occurs."""
    boxes = torch.cat([of_picture.boxes for of_picture in things])
    classes = torch.cat([of_picture.classes for of_picture in things])
    present = [class_id for class_id in range(num_classes) if (classes == class_id).any()]
    return Found(
        torch.stack([boxes[classes == class_id].mean(dim=0) for class_id in present]),
        torch.tensor(present),
        torch.tensor([float((classes == class_id).sum()) / len(classes) for class_id in present]),
    )
