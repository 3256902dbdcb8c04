"""Generated experiments for `oracle_nn.py`. The same seed gives the same experiments."""

from __future__ import annotations

import random
from typing import Any

Case = dict[str, Any]
SHAPES = ("bitmap", "rectangle", "polygon", "line", "point")
MODES = ("full_image", "roi", "bboxes", "sliding_window", "sliding_window_det")


def project_meta(rng: random.Random, prefix: str, shapes: tuple[str, ...], tags: int) -> Any:
    classes = [
        {"title": f"{prefix}{index}", "shape": shape, "color": f"#{rng.randrange(1 << 24):06X}", "geometry_config": {}}
        for index, shape in enumerate(shapes)
    ]
    kinds = [rng.choice(["none", "any_number"]) for _ in range(tags)]
    metas = [{"name": f"{prefix}_t{index}", "value_type": kind, "color": "#102030"} for index, kind in enumerate(kinds)]
    return {"classes": classes, "tags": metas}


def annotation(rng: random.Random, meta: Any, size: tuple[int, int], count: int) -> Any:
    """Labels of every vector shape; some lie partly or wholly outside of the image."""

    def point() -> list[int]:
        return [rng.randrange(-4, size[1] + 4), rng.randrange(-4, size[0] + 4)]

    points = {"rectangle": 2, "polygon": 5, "line": 3, "point": 1}
    objects = []
    vector_classes = [item for item in meta["classes"] if item["shape"] in points]
    for _ in range(count if vector_classes else 0):
        item = rng.choice(vector_classes)
        exterior = [point() for _ in range(points[item["shape"]])]
        objects.append(
            {
                "classTitle": item["title"],
                "description": "",
                "tags": image_tags(rng, meta),
                "points": {"exterior": exterior, "interior": []},
            }
        )
    return {
        "description": rng.choice(["", "seen twice"]),
        "size": {"height": size[0], "width": size[1]},
        "tags": image_tags(rng, meta),
        "objects": objects,
    }


def image_tags(rng: random.Random, meta: Any) -> Any:
    return [
        {"name": tag["name"], "value": rng.randrange(9) if tag["value_type"] == "any_number" else None}
        for tag in meta["tags"]
        if rng.random() < 0.5
    ]


def renamer(rng: random.Random, names: list[str]) -> Any:
    chosen: Any = rng.choice(["__all__", rng.sample(names, rng.randrange(len(names) + 1)), ["nobody"]])
    result = {rng.choice(["save_classes", "save_names"]): chosen}
    if rng.random() < 0.7:
        result["add_suffix"] = rng.choice(["_model", "", "_x"])
    return result


def margins(rng: random.Random, lowest: int, highest: int) -> Any:
    return {
        side: f"{rng.randint(lowest, highest)}{rng.choice(['px', '%'])}" for side in ("left", "top", "right", "bottom")
    }


def mode_settings(rng: random.Random, name: str, size: tuple[int, int], titles: list[str]) -> Any:
    """What a task may say about a mode, complete or not."""
    settings: dict[str, Any] = {}
    if name == "roi" and rng.random() < 0.8:
        settings["bounds"] = margins(rng, 0, 20)
    if name == "bboxes":
        settings["padding"] = margins(rng, 0, 30)
        settings["from_classes"] = rng.choice(["__all__", rng.sample(titles, rng.randrange(len(titles) + 1))])
    if name.startswith("sliding_window"):
        window = (rng.randint(5, size[0]), rng.randint(5, size[1]))
        overlap = (rng.randrange(window[0] + 1), rng.randrange(window[1] + 1)) if rng.random() < 0.6 else (0, 0)
        # Thousands of windows of one pixel's stride teach nothing more.
        rows, cols = (min(part, max(side - 4, 0)) for part, side in zip(overlap, window, strict=True))
        settings["window"] = {"height": window[0], "width": window[1]}
        settings["min_overlap"] = {"y": rows, "x": cols}
    if name == "sliding_window_det" and rng.random() < 0.7:
        settings["nms_after"] = {"enable": True, "iou_threshold": rng.choice([0.0, 0.1, 0.35, 1])}
    if name != "full_image" and rng.random() < 0.6:
        settings["save"] = True
        if name in ("roi", "sliding_window", "sliding_window_det") and rng.random() < 0.4:
            settings["class_name"] = "region"
    if rng.random() < 0.25:
        settings["save_probabilities"] = True
    return settings


def mode_case(seed: int, name: str) -> Case:
    rng = random.Random(seed)
    size = (rng.randint(12, 40), rng.randint(12, 40))
    meta = project_meta(rng, "in", tuple(rng.choices(SHAPES, k=rng.randint(1, 4))), rng.randint(0, 2))
    prefix = rng.choice(["net", "net", "net", "in"])  # some names are taken unless a suffix helps
    model = project_meta(rng, prefix, tuple(rng.choices(("bitmap", "rectangle"), k=rng.randint(1, 3))), 1)
    model["tags"].append({"name": "confidence", "value_type": "any_number", "color": "#0000FF"})
    titles = [item["title"] for item in meta["classes"]]
    task = mode_settings(rng, name, size, titles)
    if rng.random() < 0.7:
        task["model_classes"] = renamer(rng, [item["title"] for item in model["classes"]])
    if rng.random() < 0.5:
        task["model_tags"] = renamer(rng, [item["name"] for item in model["tags"]])
    default = rng.choice([name, name, "full_image"])
    if default != name or rng.random() < 0.5:
        task["name"] = name
    finds = {"sliding_window": ["scores", "tags"]}.get(name, ["boxes", "masks", "tags", "scores"])
    if name == "full_image" and rng.random() < 0.2:
        finds = ["echo", *finds]
    return {
        "do": "mode",
        "meta": meta,
        "ann": annotation(rng, meta, size, rng.randrange(6)),
        "size": size,
        "model": model,
        "finds": finds,
        "task": task,
        "default": [default, rng.choice(["_unet", ""])],
        "seed": seed,
    }


def nms_case(seed: int) -> Case:
    rng = random.Random(seed)
    boxes = []
    for _ in range(rng.randrange(25)):
        top, left = rng.randrange(30), rng.randrange(30)
        bottom, right = top + rng.randrange(15), left + rng.randrange(15)
        boxes.append([rng.randrange(3), top, left, bottom, right, rng.randrange(8) / 8])
    return {"do": "nms", "boxes": boxes, "threshold": rng.choice([0, 0.05, 0.2, 0.5, 1.0])}


def mapping_case(seed: int, folder: str, configs: list[str]) -> Case:
    rng = random.Random(seed)
    titles = rng.sample(["leaf", "Soil", "bg", "void", "élan", "a b", "Z"], rng.randint(1, 5))
    classes = [{"title": title, "shape": rng.choice(SHAPES[:3]), "color": "#0A0B0C"} for title in titles]
    special = {kind: rng.choice([*titles, "bg"]) for kind in ("background", "neutral") if rng.random() < 0.5}
    return {
        "do": "mapping",
        "classes": classes,
        "special": special,
        "background": rng.choice([0, -1, 2]),
        "init": rng.choice(["transfer_learning", "continue_training", "continue_training", "other"]),
        "config_path": f"{folder}/{rng.choice([*configs, 'absent.json'])}",
        "start": rng.choice([0, 1]),
    }


def detections_case(seed: int) -> Case:
    rng = random.Random(seed)
    count = rng.randint(1, 12)
    boxes = []
    for _ in range(count):
        top, left = rng.random() * 0.8, rng.random() * 0.8
        boxes.append([top, left, top + rng.random() * 0.4, left + rng.random() * 0.4])
    return {
        "do": "detections",
        "boxes": boxes,
        "scores": [rng.random() for _ in range(count)],
        "classes": [rng.randrange(4) for _ in range(count)],
        "size": [rng.randint(5, 300), rng.randint(5, 300)],
        "threshold": rng.choice([0.0, 0.3, 0.7]),
    }


_LATER = {"hotkey", "projectType", "projectSettings", "customBigData", "nnCreated", "nnUpdated"}
_LATER |= {"applicable_type", "target_type", "classes_titles"}


def plain(value: Any) -> Any:
    """JSON without the keys that came after 2019 and hold nothing here."""
    if isinstance(value, dict):
        empty = {"classes": [], "description": "", "save_probabilities": False}
        return {key: plain(item) for key, item in value.items() if key not in _LATER and empty.get(key, ...) != item}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
