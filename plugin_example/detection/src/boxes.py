"""Conversion of boxes to the target maps of the network, and of its output maps to boxes.

A box is four edges in pixels of the network's input: top, left, bottom, right. Edges lie between pixels, so the
box of a single pixel has sides of length one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

from model import CELL

MOST_FOUND = 100  # per image
SAME_THING = 0.6  # boxes of the same class with more overlap count as the same object


class Things(NamedTuple):
    """The true objects in an image."""

    boxes: Tensor  # (N, 4)
    classes: Tensor  # (N,) ids


class Found(NamedTuple):
    """The detected objects in an image, the most confident first."""

    boxes: Tensor  # (K, 4)
    classes: Tensor  # (K,) ids
    scores: Tensor  # (K,) in [0, 1]


class Maps(NamedTuple):
    """The target output of the network for an image."""

    heat: Tensor  # (C, h, w): 1 in the cell of a centre, falling off around it
    boxes: Tensor  # (4, h, w): the box of each cell near a centre
    weight: Tensor  # (h, w): the weight of the box in the loss; 0 away from centres


def maps_of(things: Things, num_classes: int, size: tuple[int, int]) -> Maps:
    """The target maps of objects.

    `size`: (H, W) of the image. Where objects overlap, a cell belongs to the smaller object.
    """
    device = things.boxes.device
    rows, cols = (torch.arange(side // CELL, device=device) for side in size)
    maps = Maps(*(torch.zeros(count, len(rows), len(cols), device=device) for count in (num_classes, 4, 1)))
    sides = things.boxes[:, 2:] - things.boxes[:, :2]  # (N, 2)
    for at in sides.prod(dim=1).argsort(descending=True).tolist():
        box = things.boxes[at]
        centre = ((box[:2] + box[2:]) / 2 / CELL).floor()  # the cell that holds the centre
        centre = torch.minimum(centre, centre.new_tensor([len(rows) - 1, len(cols) - 1]))
        spread = (0.5 * sides[at] / CELL + 1) / 6  # (2,): the peak covers half of the box
        bumps = [torch.exp(-(((line - mid) / wide) ** 2) / 2)
                 for line, mid, wide in zip((rows, cols), centre, spread, strict=True)]  # fmt: skip
        bump = bumps[0][:, None] * bumps[1][None, :]  # (h, w)

        heat = maps.heat[things.classes[at]]
        torch.maximum(heat, bump, out=heat)
        near = bump > 0.05
        maps.boxes[:, near] = box[:, None]
        maps.weight[0, near] = bump[near]
    return Maps(maps.heat, maps.boxes, maps.weight[0])


def boxes_of(sides: Tensor) -> Tensor:
    """Distances from the centres of the cells to the four sides (B, 4, h, w) → boxes (B, 4, h, w)."""
    height, width = sides.shape[2:]
    rows, cols = ((torch.arange(count, device=sides.device) + 0.5) * CELL for count in (height, width))
    up, left, down, right = sides.unbind(dim=1)
    row, col = rows[:, None], cols[None, :]
    return torch.stack([row - up, col - left, row + down, col + right], dim=1)


@torch.no_grad()
def found_in(heat: Tensor, sides: Tensor, least_score: float) -> list[Found]:
    """The network's maps for a batch → the detected objects of each image."""
    scores = heat.sigmoid()  # (B, C, h, w)
    is_peak = (scores == F.max_pool2d(scores, 3, stride=1, padding=1)) & (scores >= least_score)
    found = []
    for picture_scores, peaks, boxes in zip(scores, is_peak, boxes_of(sides), strict=True):
        classes, rows, cols = peaks.nonzero(as_tuple=True)
        surest = picture_scores[classes, rows, cols].argsort(descending=True)[:MOST_FOUND]
        classes, rows, cols = classes[surest], rows[surest], cols[surest]
        all_found = Found(boxes[:, rows, cols].T, classes, picture_scores[classes, rows, cols])
        found.append(Found(*(values[_not_twice(all_found)] for values in all_found)))
    return found


def _not_twice(found: Found) -> Tensor:
    """Positions of the objects that do not overlap a more confident object of their class too much."""
    same = (iou(found.boxes, found.boxes) > SAME_THING) & (found.classes[:, None] == found.classes)
    kept: list[int] = []
    for at in range(len(same)):
        if not same[at, kept].any():
            kept.append(at)
    return torch.tensor(kept, dtype=torch.int64, device=found.boxes.device)


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of each box with each other box: (N, 4), (M, 4) → (N, M) in [0, 1]."""
    return paired_iou(boxes.T[:, :, None], others.T[:, None, :])


def paired_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of boxes at the same position: (4, …), (4, …) → (…)."""
    (top, left, bottom, right), (top_2, left_2, bottom_2, right_2) = boxes, others
    height = (torch.minimum(bottom, bottom_2) - torch.maximum(top, top_2)).clamp(min=0)
    width = (torch.minimum(right, right_2) - torch.maximum(left, left_2)).clamp(min=0)
    common = height * width
    areas = (bottom - top) * (right - left) + (bottom_2 - top_2) * (right_2 - left_2)
    return common / (areas - common).clamp(min=1e-6)
