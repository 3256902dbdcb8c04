"""The detector's network, losses, metric and augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.detection_example import boxes, dataset, metrics, model


def things(*rows):
    values = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
    return boxes.Things(values[:, :4], values[:, 4].long())


def found(*rows):
    values = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return boxes.Found(values[:, :4], values[:, 4].long(), values[:, 5])


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 96)])
def test_maps_are_a_quarter_of_the_image_and_sides_are_ways(height, width):
    heat, sides = model.DetectionNet(num_classes=5, width=8)(torch.rand(2, 3, height, width))

    assert heat.shape == (2, 5, height // 4, width // 4)
    assert sides.shape == (2, 4, height // 4, width // 4)
    assert (sides > 0).all()


def test_every_parameter_takes_part_in_the_loss():
    net = model.DetectionNet(num_classes=2, width=8)
    seen = [things((4, 4, 20, 28, 1)), things()]

    metrics.detection_loss(*net(torch.rand(2, 3, 32, 32)), seen, (32, 32)).backward()

    assert [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_the_network_can_overfit_a_single_image():
    torch.manual_seed(0)
    seen = things((4, 4, 16, 14, 0), (14, 18, 30, 30, 1))
    image = torch.full((1, 3, 32, 32), 0.2)
    image[0, 0, 4:16, 4:14] = image[0, 1, 14:30, 18:30] = 0.9
    net = model.DetectionNet(num_classes=2, width=8)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        metrics.detection_loss(*net(image), [seen], (32, 32)).backward()
        optimizer.step()

    assert metrics.mean_average_precision(boxes.found_in(*net(image), 0.3), [seen]) == 1


def test_an_empty_image_costs_only_its_false_detections():
    nothing = [things()]
    sides = torch.ones(1, 4, 8, 8)

    assert metrics.detection_loss(torch.full((1, 2, 8, 8), -20.0), sides, nothing, (32, 32)) == pytest.approx(0)
    assert metrics.detection_loss(torch.full((1, 2, 8, 8), 2.0), sides, nothing, (32, 32)) > 1


def test_a_peak_beside_the_centre_is_a_smaller_mistake_than_one_far_away():
    wanted = boxes.maps_of(things((8, 8, 40, 40, 0)), 1, (64, 64)).heat[None]
    (_, _, row, col) = (wanted == 1).nonzero()[0].tolist()

    def cost(at_row, at_col):
        heat = torch.full_like(wanted, -6)
        heat[0, 0, row, col] = heat[0, 0, at_row, at_col] = 3
        return metrics.heat_loss(heat, wanted)

    assert cost(row, col) < cost(row, col + 1) < cost(0, 0)


SEEN = [things((0, 0, 10, 10, 0), (20, 20, 40, 40, 0)), things((0, 0, 10, 10, 1))]


def test_precision_of_finding_everything_and_nothing_else_is_one():
    perfect = [found((0, 0, 10, 10, 0, 0.4), (20, 20, 40, 40, 0, 0.3)), found((0, 0, 10, 10, 1, 0.2))]

    assert metrics.mean_average_precision(perfect, SEEN) == 1
    assert metrics.mean_average_precision([found(), found()], SEEN) == 0


def test_precision_counts_missed_false_and_repeated_detections():
    guesses = [
        found((0, 0, 10, 10, 0, 0.9), (1, 0, 10, 10, 0, 0.8), (20, 20, 40, 40, 0, 0.6)),  # the second: once more
        found((50, 50, 60, 60, 0, 0.7)),  # invented
    ]

    # right, wrong, wrong, right of two: precision 1 up to recall 1/2, then 2/4
    assert metrics.average_precision(guesses, SEEN, 0) == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    assert metrics.average_precision(guesses, SEEN, 1) == 0


def test_a_box_that_shares_too_little_or_has_the_wrong_class_is_wrong():
    assert metrics.average_precision([found((0, 0, 4, 10, 1, 0.9))], SEEN[1:], 1) == 0
    assert metrics.average_precision([found((0, 0, 6, 10, 1, 0.9))], SEEN[1:], 1) == 1
    assert metrics.average_precision([found((0, 0, 10, 10, 0, 0.9))], SEEN[1:], 1) == 0


def test_a_guess_that_ignores_the_image_is_the_average_box_of_each_class():
    guess = metrics.same_guess(SEEN, num_classes=3)

    assert guess.classes.tolist() == [0, 1]
    assert guess.boxes.tolist() == [[10, 10, 25, 25], [0, 0, 10, 10]]
    assert guess.scores.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_boxes_move_with_the_picture():
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[20:44, 30:60, 0] = 255  # red: what comes in at the border is grey
    for seed in range(20):
        moved, edges, in_sight = dataset.augmented(
            np.random.default_rng(seed), picture, np.array([[20.0, 30.0, 44.0, 60.0]])
        )
        rows, cols = np.nonzero(moved[..., 0].astype(int) - moved[..., 1] > 90)

        assert in_sight.all()
        bounds = rows.min(), cols.min(), rows.max() + 1, cols.max() + 1
        assert np.abs(edges[0] - bounds).max() < 2.5


def test_a_thing_that_is_moved_out_of_sight_is_no_longer_one():
    corner = np.array([[0.0, 0.0, 4.0, 4.0]])
    seen = [
        dataset.augmented(np.random.default_rng(seed), np.zeros((64, 64, 3), np.uint8), corner)[1:]
        for seed in range(30)
    ]

    assert 0 < sum(in_sight.all() for _, in_sight in seen) < 30
    assert all((edges >= 0).all() and (edges <= 64).all() for edges, _ in seen)
