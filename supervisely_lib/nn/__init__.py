"""What neural-network plugins share: datasets, training, inference. torch is loaded by the `pytorch` packages only."""

from supervisely_lib._lazy import lazy

_MODULES = ("config", "dataset", "hosted", "inference", "pytorch", "raw_to_labels", "training")
__getattr__, __dir__ = lazy(__name__, {name: f"nn.{name}" for name in _MODULES})
