"""Images and colours."""

from supervisely_lib._lazy import lazy
from supervisely_lib._requirements import require

require("numpy", "cv2", "PIL")

__getattr__, __dir__ = lazy(__name__, {"color": "imaging.color", "image": "imaging.image"})
