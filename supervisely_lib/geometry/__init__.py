"""Shapes in pixels: row and column count from the top left corner, rectangles include both corners."""

from supervisely_lib._lazy import lazy

_MODULES = (
    "any_geometry bitmap bitmap_base constants geometry graph helpers image_rotator multichannel_bitmap "
    "point point_location polygon polyline rectangle sliding_windows vector_geometry"
)
__getattr__, __dir__ = lazy(__name__, {name: f"geometry.{name}" for name in _MODULES.split()})
