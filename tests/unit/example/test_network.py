"""The example's network: shapes, sizes, and its ability to learn."""

from __future__ import annotations

import pytest
import torch
from metrics import segmentation_loss
from model import STRIDE, SegmentationNet


@pytest.mark.parametrize(("height", "width"), [(STRIDE, STRIDE), (64, 96), (128, 128)])
def test_scores_have_the_size_of_the_image(height, width):
    net = SegmentationNet(num_classes=5, width=8)

    scores = net(torch.rand(2, 3, height, width))

    assert scores.shape == (2, 5, height, width)


def test_an_image_gives_the_same_scores_alone_and_in_a_batch():
    torch.manual_seed(0)
    net = SegmentationNet(num_classes=3, width=8)
    images = torch.rand(3, 3, 32, 32)

    with torch.no_grad():
        together, alone = net(images)[1:2], net(images[1:2])

    torch.testing.assert_close(together, alone)


def test_every_parameter_takes_part_in_the_loss():
    net = SegmentationNet(num_classes=3, width=8)

    segmentation_loss(net(torch.rand(1, 3, 32, 32)), torch.randint(3, (1, 32, 32))).backward()

    assert [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_the_network_can_overfit_a_single_image():
    torch.manual_seed(0)
    target = torch.zeros(1, 32, 32, dtype=torch.int64)
    target[:, 8:24, 4:20] = 1
    image = 0.2 + 0.6 * target.unsqueeze(1).float().expand(1, 3, 32, 32).contiguous()
    net = SegmentationNet(num_classes=2, width=8)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        segmentation_loss(net(image), target).backward()
        optimizer.step()

    guess = net(image).argmax(dim=1)

    assert (guess == target).float().mean() > 0.97
