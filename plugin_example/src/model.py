"""A small U-Net: an encoder that halves the image, a decoder that doubles it back, and shortcuts between them.

What is unusual about it:
- the first convolution already works at half the resolution, and the last step enlarges the class scores
  by two: a quarter of the work, but outlines are two pixels soft
- group normalisation instead of batch normalisation: the same in training and inference, with any batch size
- the decoder adds the shortcut to its own map instead of stacking the two
- images come as bytes / 255; the normalisation of colours is part of the network
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

STRIDE = 16  # the image is this many times larger than the deepest map: its sides have to be multiples of it


class Block(nn.Module):
    """Two 3×3 convolutions with a shortcut: (B, C, H, W) → (B, C_out, H, W)."""

    def __init__(self, channels: int, channels_out: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, channels_out, 3, padding=1, bias=False)
        self.norm_1 = nn.GroupNorm(8, channels_out)
        self.conv_2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm_2 = nn.GroupNorm(8, channels_out)
        self.shortcut = nn.Conv2d(channels, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.norm_1(self.conv_1(x)))
        return F.relu(self.norm_2(self.conv_2(inner)) + self.shortcut(x))


class SegmentationNet(nn.Module):
    def __init__(self, num_classes: int, width: int = 16) -> None:
        """`width`: channels of the first map, a multiple of 8; each halving of the image doubles them."""
        super().__init__()
        self.stem = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.down_2 = Block(width, width)
        self.down_4 = Block(width, 2 * width)
        self.down_8 = Block(2 * width, 4 * width)
        self.down_16 = Block(4 * width, 8 * width)
        self.up_8 = Block(8 * width, 4 * width)
        self.up_4 = Block(4 * width, 2 * width)
        self.up_2 = Block(2 * width, width)
        self._head_layer = nn.Conv2d(width, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W) float32 in [0, 1] → class scores (B, C, H, W); H and W are multiples of 16."""
        x = self.stem((image - 0.45) / 0.25)
        a = self.down_2(x)  # (B, w, H/2, W/2)
        b = self.down_4(halved(a))  # (B, 2w, H/4, W/4)
        c = self.down_8(halved(b))  # (B, 4w, H/8, W/8)
        d = self.down_16(halved(c))  # (B, 8w, H/16, W/16)
        x = doubled(self.up_8(d)) + c  # (B, 4w, H/8, W/8)
        x = doubled(self.up_4(x)) + b  # (B, 2w, H/4, W/4)
        x = doubled(self.up_2(x)) + a  # (B, w, H/2, W/2)
        return doubled(self._head_layer(x))  # (B, C, H, W)


def halved(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, H/2, W/2)"""
    return F.max_pool2d(x, 2)


def doubled(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, 2H, 2W)"""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def best_device() -> torch.device:
    """The first GPU that is visible to this process, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
