"""The modes in which a model can be applied: those of its plugin, and those of the SDK that its classes allow.

Pure. A plugin whose presets have no `mode` has a way of its own; then its presets are all that is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

_MARGIN = dict.fromkeys(("left", "top", "right", "bottom"), "10%")
_OVERLAP = {"x": 0, "y": 0}
_OTHERS: Mapping[str, Mapping[str, Any]] = {
    "full_image": {},
    "roi": {"bounds": _MARGIN, "save": False, "class_name": "inference_roi"},
    "bboxes": {"from_classes": "__all__", "padding": _MARGIN, "save": False, "add_suffix": "_input_bbox"},
    "sliding_window": {"min_overlap": _OVERLAP, "save": False, "class_name": "sliding_window"},
    "sliding_window_det": {
        "min_overlap": _OVERLAP, "save": False, "class_name": "sliding_window_det",
        "nms_after": {"enable": True, "iou_threshold": 0.5, "confidence_tag_name": "confidence"},
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mode:
    name: str
    config: Mapping[str, Any]
    is_preset: bool
    why_not: str = ""  # it cannot be applied to this model, a clause


def modes(presets: Sequence[Mapping[str, Any]], shapes: Collection[str], side: int) -> list[Mode]:
    """What to try, the presets' own first, a mode once.

    `presets` are those of inferences, `shapes` those of the classes of the model, `side` the shortest side of an image.
    """
    configs = [dict(preset["config"]) for preset in presets] or [{}]
    found = {}
    for config in configs:
        mode = config.get("mode")
        name = str(mode.get("name", "default")) if isinstance(mode, Mapping) else "default"
        if name not in found:
            found[name] = Mode(name, _fitting(config, side), is_preset=True)
    example = next((config for config in configs if isinstance(config.get("mode"), Mapping)), None)
    if example is None:
        return list(found.values())
    kept = {key: example["mode"][key] for key in ("model_classes", "model_tags") if key in example["mode"]}
    for name, extra in _OTHERS.items():
        if name not in found:
            config = {**deepcopy(example), "mode": {"name": name, **kept, **deepcopy(dict(extra))}}
            if name.startswith("sliding_window"):
                config["mode"]["window"] = {"width": side, "height": side}
            found[name] = Mode(name, config, is_preset=False, why_not=_why_not(name, shapes))
    return list(found.values())


def _why_not(name: str, shapes: Collection[str]) -> str:
    has_boxes, has_areas = "rectangle" in shapes, bool(set(shapes) & {"bitmap", "polygon", "any"})
    if name == "sliding_window" and not has_areas:
        return "the model has no classes of pixels"
    if name == "sliding_window_det" and not has_boxes:
        return "the model has no classes of rectangles"
    return ""


def _fitting(config: Mapping[str, Any], side: int) -> dict[str, Any]:
    """The config with a window that fits into the images of the check."""
    fitted = deepcopy(dict(config))
    mode = fitted.get("mode")
    window = mode.get("window") if isinstance(mode, dict) else None
    if isinstance(window, dict):
        for key, value in window.items():
            if isinstance(value, int):
                window[key] = min(value, side)
        overlap = mode.get("min_overlap") if isinstance(mode, dict) else None
        if isinstance(overlap, dict):
            for key, value in overlap.items():
                if isinstance(value, int):
                    overlap[key] = min(value, side // 4)
    return fitted
