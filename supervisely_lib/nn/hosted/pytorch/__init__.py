"""Ready-made segmentation training and inference for any torch module."""

from supervisely_lib._lazy import lazy

_MODULES = ("constants", "inference_applier", "trainer")
__getattr__, __dir__ = lazy(__name__, {name: f"nn.hosted.pytorch.{name}" for name in _MODULES})
