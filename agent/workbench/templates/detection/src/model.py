"""The network: for each cell of 8 × 8 pixels, whether an object has its centre there, and its box. Put yours here."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import nn

CELL = 8  # pixels: the sides of the network's input have to be multiples of it
USUAL_PX = 12  # the first guess of a distance from the centre to a side; the network learns a factor of it


class Net(nn.Module):
    def __init__(self, num_classes, width=32):
        """`width`: channels of every layer, a multiple of 4; more of them learn more and are slower."""
        super().__init__()
        layers = []
        for channels, stride in ((3, 2), (width, 2), (width, 2), (width, 1), (width, 1)):
            layers += [nn.Conv2d(channels, width, 3, stride, padding=1), nn.GroupNorm(4, width), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.sides = nn.Conv2d(width, 4, 1)
        # Its name is known to the training: transfer learning leaves this layer out.
        self._head_layer = nn.Conv2d(width, num_classes, 1)
        nn.init.constant_(self._head_layer.bias, -3)  # most cells are empty

    def forward(self, image):
        """image (B, 3, H, W) float32 in [0, 1] → heat (B, C, H/8, W/8) before the sigmoid, sides (B, 4, H/8, W/8).

        The sides are distances in pixels from the cell's centre up, left, down and right, greater than 0.
        """
        x = self.features((image - 0.5) / 0.25)
        return self._head_layer(x), F.softplus(self.sides(x)) * USUAL_PX


def best_device():
    """The first GPU that is visible to this process, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
