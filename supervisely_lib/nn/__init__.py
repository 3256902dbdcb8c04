"""Base classes of neural-network plugins: datasets, training, inference. Only the `pytorch` packages load torch."""

from supervisely_lib._lazy import lazy

_MODULES = ("config", "dataset", "hosted", "inference", "pytorch", "raw_to_labels", "training")
__getattr__, __dir__ = lazy(__name__, {name: f"nn.{name}" for name in _MODULES})
