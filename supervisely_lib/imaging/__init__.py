"""Pictures and colours."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(__name__, {"color": "imaging.color", "image": "imaging.image"})
