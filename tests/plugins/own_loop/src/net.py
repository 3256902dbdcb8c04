"""A network with two branches: for the pixel, and for a wide neighbourhood."""

import torch
from torch import nn


class TwoViews(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.close = nn.Conv2d(3, 8, 1)
        self.wide = nn.Conv2d(3, 8, 5, padding=4, dilation=2)
        self._head_layer = nn.Conv2d(16, num_classes, 1)

    def forward(self, x):
        views = torch.cat([self.close(x), self.wide(x)], dim=1)
        return self._head_layer(torch.relu(views))
