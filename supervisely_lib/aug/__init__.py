"""Transformations of an image together with its annotation."""

from supervisely_lib._lazy import lazy

_FUNCTIONS = (
    "RotationModes batch_random_crops_fraction crop crop_fraction flip_add_random_crops fliplr flipud instance_crop "
    "random_crop random_crop_fraction resize rotate scale"
)
# `sly.aug` is the module in the official SDK; here it is this package after `import supervisely_lib.aug.aug`.
__getattr__, __dir__ = lazy(__name__, {"aug": "aug.aug", **{name: f"aug.aug:{name}" for name in _FUNCTIONS.split()}})
