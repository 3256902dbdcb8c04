"""Conversion of older layouts of the inference task config to `{"model": {...}, "mode": {...}}`."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from supervisely_lib.nn.hosted.constants import MODEL

MODEL_CLASSES = "model_classes"
MODEL_SETTINGS = "model_settings"
NAME = "name"
MODE = "mode"
SOURCE = "source"


def maybe_convert_from_v1_inference_task_config(raw_config: dict[str, Any]) -> dict[str, Any]:
    """Convert the first layout, which has no `model`: its root holds the model's settings beside `mode`.

    `mode.source` becomes `mode.name`, root `model_classes` moves into `mode`. Newer configs are returned as they are.
    """
    if MODEL in raw_config:
        return raw_config
    mode = deepcopy(raw_config.get(MODE, {}))
    if SOURCE in mode:
        mode[NAME] = mode.pop(SOURCE)
    if MODEL_CLASSES not in mode:
        mode[MODEL_CLASSES] = deepcopy(raw_config.get(MODEL_CLASSES, {}))
    model = {key: deepcopy(value) for key, value in raw_config.items() if key not in (MODE, MODEL_CLASSES)}
    return {MODE: mode, MODEL: model}


def maybe_convert_from_deploy_task_config(raw_config: dict[str, Any]) -> dict[str, Any]:
    """Convert the config of a deploy task, which has the model's settings under `model_settings`, in place."""
    if "connection" in raw_config and MODEL_SETTINGS in raw_config:
        raw_config[MODEL] = raw_config[MODEL_SETTINGS]
    return raw_config
