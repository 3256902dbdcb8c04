"""The network: the parts that the SDK's base classes require from a plugin."""

from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, width):
        super().__init__()
        self._body = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )
        self._head_layer = nn.Conv2d(width, num_classes, 1)

    def forward(self, x):
        return self._head_layer(self._body(x))


def make_net(num_classes, input_size, custom_model_config):
    height, width = input_size
    assert height > 0
    assert width > 0
    return Net(num_classes, custom_model_config.get("width", 8))
