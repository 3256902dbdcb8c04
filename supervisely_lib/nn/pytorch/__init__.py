"""The parts of the SDK that need torch."""

from supervisely_lib._lazy import lazy

_MODULES = ("cuda", "dataset", "inference", "metrics", "weights")
__getattr__, __dir__ = lazy(__name__, {name: f"nn.pytorch.{name}" for name in _MODULES})
