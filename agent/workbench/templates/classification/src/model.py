"""The network: convolutions, the mean over the image, one score per tag. Put your own here."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_tags, width=16):
        """`width`: channels of every layer, a multiple of 4; more of them learn more and are slower."""
        super().__init__()
        layers = []
        for channels, stride in ((3, 2), (width, 2), (width, 2)):
            layers += [nn.Conv2d(channels, width, 3, stride, padding=1), nn.GroupNorm(4, width), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        # Its name is known to the training: transfer learning leaves this layer out.
        self._head_layer = nn.Linear(width, num_tags)

    def forward(self, image):
        """image (B, 3, H, W) float32 in [0, 1] → tag scores (B, T)"""
        return self._head_layer(self.features((image - 0.5) / 0.25).amax(dim=(2, 3)))


def best_device():
    """The first GPU that is visible to this process, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
