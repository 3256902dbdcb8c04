"""Random cases for oracle_data.py. Pure: the same seed gives the same case."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

SHAPES = ("bitmap", "polygon", "rectangle", "line", "point", "graph")
CANVAS = [40, 48]  # height, width that geometries are drawn on
IMAGE = [31, 31]  # size of the image that transformations refer to

GRAPH = {
    "nodes": {str(i): {"label": str(i), "loc": [i, i], "color": "#0102FF"} for i in range(4)},
    "edges": [{"src": "0", "dst": "1", "color": "#00FF05"}, {"src": "1", "dst": "3", "color": "#00FF07"}],
}

META: dict[str, Any] = {
    "classes": [
        {"title": shape, "shape": shape, "color": f"#1020{i:02X}", "geometry_config": GRAPH if shape == "graph" else {}}
        for i, shape in enumerate(SHAPES)
    ]
    + [{"title": "whatever", "shape": "any", "color": "#ABCDEF", "geometry_config": {}}],
    "tags": [
        {"name": "train", "value_type": "none", "color": "#010203"},
        {"name": "val", "value_type": "none", "color": "#010204"},
        {"name": "score", "value_type": "any_number", "color": "#010205"},
        {"name": "note", "value_type": "any_string", "color": "#010206"},
        {"name": "kind", "value_type": "oneof_string", "color": "#010207", "values": ["a", "b"]},
    ],
}


def _points(rng: random.Random, count: int, low: int, high: int) -> list[list[int]]:
    return [[rng.randint(low, high), rng.randint(low, high)] for _ in range(count)]


def mask_rows(rng: random.Random) -> list[str]:
    """A mask with at least one pixel, as rows of 0 and 1; its border may be empty."""
    height, width = rng.randint(1, 14), rng.randint(1, 40)
    density = rng.choice([0.1, 0.5, 0.9])
    rows = [[int(rng.random() < density) for _ in range(width)] for _ in range(height)]
    rows[rng.randrange(height)][rng.randrange(width)] = 1
    return ["".join(map(str, row)) for row in rows]


def geometry_json(rng: random.Random, shape: str, low: int, high: int) -> dict[str, Any]:
    """A shape's keys in an annotation object, with coordinates from low to high."""
    import supervisely_lib as sly

    if shape == "bitmap":
        mask = np.array([[int(c) for c in row] for row in mask_rows(rng)], bool)
        origin = [rng.randint(low, max(low, high - 10)), rng.randint(low, max(low, high - 10))]
        return {"bitmap": {"origin": origin, "data": sly.Bitmap.data_2_base64(mask)}}
    if shape == "graph":
        ids = rng.sample(range(4), rng.randint(1, 4))
        nodes: dict[str, Any] = {
            str(i): {"loc": loc} for i, loc in zip(ids, _points(rng, len(ids), low, high), strict=True)
        }
        for node in nodes.values():
            if rng.random() < 0.2:
                node["disabled"] = True
        return {"nodes": nodes}
    count = {"polygon": rng.randint(3, 9), "rectangle": 2, "line": rng.randint(2, 6), "point": 1}[shape]
    holes = rng.randint(0, 2) if shape == "polygon" else 0
    interior = [_points(rng, rng.randint(3, 5), low, high) for _ in range(holes)]
    return {"points": {"exterior": _points(rng, count, low, high), "interior": interior}}


def steps(rng: random.Random, count: int) -> list[list[Any]]:
    """Transformations as [method, arguments]."""
    methods: dict[str, Any] = {
        "crop": lambda: [5, 3, 25, 28],
        "relative_crop": lambda: [2, 4, 20, 22],
        "translate": lambda: [rng.randint(-9, 9), rng.randint(-9, 9)],
        "resize": lambda: [IMAGE, [rng.randint(10, 60), rng.choice([-1, rng.randint(10, 60)])]],
        "scale": lambda: [rng.choice([0.5, 0.3, 1.7, 2, 3])],
        "fliplr": lambda: [IMAGE],
        "flipud": lambda: [IMAGE],
        "rotate": lambda: [IMAGE, rng.randint(-180, 180)],
    }
    return [[name, methods[name]()] for name in rng.choices(sorted(methods), k=count)]


def geometry_case(seed: int, shape: str) -> dict[str, Any]:
    """A shape, half of them partly off the canvas, through up to one transformation."""
    rng = random.Random(f"{seed} {shape}")
    low, high = rng.choice([(0, 30), (-15, 45)])
    data = geometry_json(rng, shape, low, high)
    way = steps(rng, rng.randint(0, 1))
    if shape == "bitmap" and way and way[0][0] == "rotate":  # the official SDK wraps masks around at the border
        way.insert(0, ["crop", [0, 0, IMAGE[0] - 1, IMAGE[1] - 1]])
    return {"do": "geometry", "shape": shape, "data": data, "size": CANVAS, "steps": way}


def _tags(rng: random.Random) -> list[Any]:
    values = {"train": None, "val": None, "score": rng.choice([1, 0.25]), "note": "é", "kind": rng.choice("ab")}
    names = rng.sample(sorted(values), rng.randint(0, 3))
    tags: list[Any] = []
    for name in names:
        valueless = values[name] is None
        forms: list[Any] = [{"name": name, "value": values[name]}]
        if valueless:
            forms += [name, {"name": name}]
        tags.append(rng.choice(forms))
    return tags


def annotation_json(rng: random.Random, size: list[int]) -> dict[str, Any]:
    """An annotation of all shapes, some partly or wholly off the image."""
    objects = []
    for _ in range(rng.randint(0, 6)):
        shape = rng.choice(SHAPES)
        low, high = rng.choice([(0, min(size) - 1), (-12, max(size) + 12)])
        title = "whatever" if rng.random() < 0.2 and shape != "graph" else shape
        item: dict[str, Any] = {"classTitle": title, "description": rng.choice(["", "text"]), "tags": _tags(rng)}
        item |= geometry_json(rng, shape, low, high)
        if title == "whatever" or rng.random() < 0.5:
            item |= {"shape": shape, "geometryType": shape}
        if rng.random() < 0.3:
            item |= {"id": rng.randint(1, 99), "labelerLogin": "me", "createdAt": "2020", "updatedAt": "2021"}
        objects.append(item)
    result = {
        "description": rng.choice(["", "words"]),
        "size": {"height": size[0], "width": size[1]},
        "tags": _tags(rng),
        "objects": objects,
    }
    return result | ({"customBigData": {}} if rng.random() < 0.5 else {})


def annotation_case(seed: int) -> dict[str, Any]:
    """An annotation, as it is or through a transformation of the whole."""
    rng = random.Random(f"{seed} annotation")
    methods: dict[str, list[Any]] = {
        "fliplr": [],
        "flipud": [],
        "crop_labels": [5, 3, 25, 28],
        "relative_crop": [2, 4, 20, 22],
        "scale": [2],
        "rotate": [IMAGE, rng.randint(-90, 90)],
    }
    name = rng.choice([*sorted(methods), ""])
    way = [[name, methods[name]]] if name else []
    return {"do": "annotation", "meta": META, "data": annotation_json(rng, IMAGE), "steps": way}
