"""The example's loss and metric, compared with numbers computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from metrics import IGNORED, Confusion, dice_loss, segmentation_loss


def scores_for(target, num_classes, certainty=20.0):
    """Scores (B, C, H, W) that predict `target` with near certainty."""
    return certainty * torch.nn.functional.one_hot(target, num_classes).permute(0, 3, 1, 2).float()


def test_a_perfect_prediction_costs_nothing():
    target = torch.tensor([[[0, 1], [2, 2]]])

    assert segmentation_loss(scores_for(target, 3), target).item() == pytest.approx(0, abs=1e-5)


def test_equal_scores_cost_the_entropy_and_half_the_overlap():
    target = torch.tensor([[[0, 1], [1, 0]]])

    loss = segmentation_loss(torch.zeros(1, 2, 2, 2), target)

    assert loss.item() == pytest.approx(math.log(2) + 0.5)


def test_dice_counts_a_small_class_as_much_as_a_large_one():
    target = torch.zeros(1, 10, 10, dtype=torch.int64)
    target[0, 0, 0] = 1
    only_background = scores_for(torch.zeros_like(target), 2)

    assert dice_loss(only_background, target).item() == pytest.approx(0.5, abs=0.01)


def test_neutral_pixels_change_neither_loss_nor_measure():
    target = torch.tensor([[[0, 1], [1, 0]]])
    neutral = torch.cat([target, torch.full((1, 2, 2), IGNORED)], dim=2)
    scores = torch.randn(1, 2, 2, 4, generator=torch.Generator().manual_seed(0))
    confusion, expected = Confusion(2), Confusion(2)
    confusion.add(scores.argmax(dim=1), neutral)
    expected.add(scores[..., :2].argmax(dim=1), target)

    torch.testing.assert_close(segmentation_loss(scores, neutral), segmentation_loss(scores[..., :2], target))
    assert confusion.counts.tolist() == expected.counts.tolist()


def test_a_batch_that_is_neutral_everywhere_gives_no_gradient_instead_of_nan():
    scores = torch.zeros(1, 2, 2, 2, requires_grad=True)

    segmentation_loss(scores, torch.full((1, 2, 2), IGNORED)).backward()

    assert scores.grad.tolist() == torch.zeros(1, 2, 2, 2).tolist()


def test_mean_iou_over_batches_is_that_of_all_pixels():
    confusion = Confusion(3)
    confusion.add(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]))
    confusion.add(torch.tensor([1, 0]), torch.tensor([1, 0]))

    # class 0: 2 of 3, class 1: 2 of 3, class 2 never occurs and does not count
    assert confusion.mean_iou() == pytest.approx(2 / 3)


def test_a_predictor_of_a_single_class_gets_the_share_of_this_class():
    confusion = Confusion(2)
    confusion.add(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 0, 1]))

    assert confusion.mean_iou_of_always(0) == pytest.approx(0.75 / 2)
