"""The inference modes by name, and the choice of a mode and its config by the task's config (contract: sdk.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from supervisely_lib.nn.config import update_recursively
from supervisely_lib.nn.hosted._mode_base import InferenceModeBase
from supervisely_lib.nn.hosted._mode_config import (
    BOTTOM,
    BOUNDS,
    CLASS_NAME,
    CONFIDENCE,
    CONFIDENCE_TAG_NAME,
    ENABLE,
    FROM_CLASSES,
    HEIGHT,
    INFERENCE_MODE_CONFIG,
    IOU_THRESHOLD,
    LEFT,
    MATCH_ALL,
    MIN_OVERLAP,
    MODE,
    MODEL_CLASSES,
    MODEL_TAGS,
    NAME,
    NMS_AFTER,
    PADDING,
    PERCENT,
    PX,
    RIGHT,
    SAVE,
    SAVE_PROBABILITIES,
    TOP,
    WIDTH,
    WINDOW,
    X,
    Y,
)
from supervisely_lib.nn.hosted._mode_regions import InfModeBboxes, InfModeFullImage, InfModeRoi
from supervisely_lib.nn.hosted._mode_windows import (
    InfModeSlidinglWindowBase,
    InfModeSlidingWindowDetection,
    InfModeSlidingWindowSegmentation,
)

__all__ = [
    "BOTTOM",
    "BOUNDS",
    "CLASS_NAME",
    "CONFIDENCE",
    "CONFIDENCE_TAG_NAME",
    "ENABLE",
    "FROM_CLASSES",
    "HEIGHT",
    "INFERENCE_MODE_CONFIG",
    "IOU_THRESHOLD",
    "LEFT",
    "MATCH_ALL",
    "MIN_OVERLAP",
    "MODE",
    "MODEL_CLASSES",
    "MODEL_TAGS",
    "NAME",
    "NMS_AFTER",
    "PADDING",
    "PERCENT",
    "PX",
    "RIGHT",
    "SAVE",
    "SAVE_PROBABILITIES",
    "TOP",
    "WIDTH",
    "WINDOW",
    "InfModeBboxes",
    "InfModeFullImage",
    "InfModeRoi",
    "InfModeSlidingWindowDetection",
    "InfModeSlidingWindowSegmentation",
    "InfModeSlidinglWindowBase",
    "InferenceModeBase",
    "InferenceModeFactory",
    "X",
    "Y",
    "get_effective_inference_mode_config",
]


class InferenceModeFactory:
    """Mode name → class. A plugin may add modes to `mapping`."""

    mapping: ClassVar[dict[str, type[InferenceModeBase]]] = {
        mode.mode_name(): mode
        for mode in (
            InfModeFullImage,
            InfModeRoi,
            InfModeBboxes,
            InfModeSlidingWindowSegmentation,
            InfModeSlidingWindowDetection,
        )
    }

    @classmethod
    def create(cls, config: dict[str, Any], *args: Any, **kwargs: Any) -> InferenceModeBase:
        """The mode that `config["name"]` names. The arguments are those of the mode's constructor."""
        mode = cls.mapping.get(config[NAME])
        if mode is None:
            raise NotImplementedError(_unknown(config[NAME]))
        return mode(config, *args, **kwargs)


def get_effective_inference_mode_config(
    task_inference_mode_config: Mapping[str, Any], default_inference_mode_config: Mapping[str, Any]
) -> dict[str, Any]:
    """The complete config of the mode that the task names, or else that the plugin's default names.

    Priority: the task's values, then the plugin's defaults if they are for the same mode, then the mode's defaults.
    RuntimeError if neither names a mode, KeyError if the name is unknown.
    """
    default_name = default_inference_mode_config.get(NAME)
    name = task_inference_mode_config.get(NAME) or default_name
    if name is None:
        raise RuntimeError(f"Inference mode name ({NAME} key) not found in mode config.")
    if name not in InferenceModeFactory.mapping:
        raise KeyError(_unknown(name))

    config = InferenceModeFactory.mapping[name].make_default_config(model_result_suffix="")
    if default_name == name:
        update_recursively(config, default_inference_mode_config)
    update_recursively(config, task_inference_mode_config)
    return config


def _unknown(name: str) -> str:
    return f"Unknown inference mode {name!r}; the modes are {', '.join(InferenceModeFactory.mapping)}."
