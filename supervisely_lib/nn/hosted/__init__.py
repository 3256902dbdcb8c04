"""Base classes of plugins that run as tasks."""

from supervisely_lib._lazy import lazy

_MODULES = (
    "class_indexing",
    "constants",
    "deploy",
    "inference_batch",
    "inference_batch_multiprocess",
    "inference_modes",
    "inference_single_image",
    "legacy",
    "pytorch",
    "trainer",
)
__getattr__, __dir__ = lazy(__name__, {name: f"nn.hosted.{name}" for name in _MODULES})
