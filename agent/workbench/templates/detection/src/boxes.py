"""Boxes → what the network shall say, and what it says → boxes.

A box is four edges in pixels of the network's input: top, left, bottom, right.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by

from model import CELL

SAME = 0.5  # two boxes of one class with more overlap are the same object


def maps_of(boxes, classes, num_classes, size):
    """boxes (N, 4), class ids (N,), size (H, W) → heat (C, h, w) of 0 and 1, box of each cell (4, h, w)."""
    height, width = size[0] // CELL, size[1] // CELL
    heat, edges = torch.zeros(num_classes, height, width), torch.zeros(4, height, width)
    for box, class_id in zip(boxes, classes, strict=True):
        row, col = ((box[:2] + box[2:]) / 2 / CELL).long().clamp(min=0).tolist()
        row, col = min(row, height - 1), min(col, width - 1)
        heat[class_id, row, col] = 1
        edges[:, row, col] = box
    return heat, edges


def boxes_of(sides):
    """Distances from the cells' centres (B, 4, h, w) → boxes (B, 4, h, w)."""
    rows, cols = ((torch.arange(n, device=sides.device) + 0.5) * CELL for n in sides.shape[2:])
    up, left, down, right = sides.unbind(dim=1)
    row, col = rows[:, None], cols[None, :]
    return torch.stack([row - up, col - left, row + down, col + right], dim=1)


def found_in(heat, sides, least_score):
    """The network's maps of one image (C, h, w), (4, h, w) → boxes (K, 4), class ids (K,), scores (K,), best first."""
    scores = heat.sigmoid()
    peaks = (scores == F.max_pool2d(scores[None], 3, stride=1, padding=1)[0]) & (scores >= least_score)
    classes, rows, cols = peaks.nonzero(as_tuple=True)
    order = scores[classes, rows, cols].argsort(descending=True)[:100]
    classes, rows, cols = classes[order], rows[order], cols[order]
    boxes = boxes_of(sides[None])[0][:, rows, cols].T
    kept = []
    overlaps = iou(boxes, boxes)
    for at in range(len(boxes)):
        if not any(overlaps[at, other] > SAME and classes[at] == classes[other] for other in kept):
            kept.append(at)
    return boxes[kept], classes[kept], scores[classes, rows, cols][kept]


def iou(boxes, others):
    """Intersection over union of each box with each other box: (N, 4), (M, 4) → (N, M) in [0, 1]."""
    a, b = boxes[:, None], others[None]
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    areas = [(x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1]) for x in (a, b)]
    common = sides.prod(dim=-1)
    return common / (areas[0] + areas[1] - common).clamp(min=1e-6)
