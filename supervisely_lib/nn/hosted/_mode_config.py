"""Keys of an inference mode's config, and its schemas (contract: sdk.md 5)."""

from __future__ import annotations

import os.path
from functools import lru_cache
from typing import Any

from supervisely_lib.nn.config import MultiTypeValidator

INFERENCE_MODE_CONFIG = "inference_mode_config"

MODE = "mode"
NAME = "name"
CLASS_NAME = "class_name"
FROM_CLASSES = "from_classes"
MODEL_CLASSES = "model_classes"
MODEL_TAGS = "model_tags"
SAVE = "save"
SAVE_PROBABILITIES = "save_probabilities"
MATCH_ALL = "__all__"

WINDOW = "window"
HEIGHT = "height"
WIDTH = "width"
MIN_OVERLAP = "min_overlap"
X = "x"
Y = "y"

NMS_AFTER = "nms_after"
ENABLE = "enable"
IOU_THRESHOLD = "iou_threshold"
CONFIDENCE = "confidence"
CONFIDENCE_TAG_NAME = "confidence_tag_name"

BOUNDS = "bounds"
PADDING = "padding"
BOTTOM = "bottom"
LEFT = "left"
RIGHT = "right"
TOP = "top"
PERCENT = "%"
PX = "px"


def check_mode_config(mode_name: str, config: dict[str, Any]) -> None:
    """RuntimeError if the complete config violates the mode's schema. Unknown keys violate it."""
    _validator(mode_name).val(INFERENCE_MODE_CONFIG, config)


@lru_cache(maxsize=None)  # functools.cache is newer than Python 3.8
def _validator(mode_name: str) -> MultiTypeValidator:
    return MultiTypeValidator(os.path.join(os.path.dirname(__file__), "inference_modes_schemas", f"{mode_name}.json"))
