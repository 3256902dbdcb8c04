"""Shapes in pixels. Rows and columns count from the top left corner; rectangles include both corners."""

from supervisely_lib._lazy import lazy
from supervisely_lib._requirements import require

require("numpy", "cv2", "shapely")

_MODULES = (
    "any_geometry bitmap bitmap_base constants geometry graph helpers image_rotator multichannel_bitmap "
    "point point_location polygon polyline rectangle sliding_windows sliding_windows_fuzzy vector_geometry"
)
__getattr__, __dir__ = lazy(__name__, {name: f"geometry.{name}" for name in _MODULES.split()})
