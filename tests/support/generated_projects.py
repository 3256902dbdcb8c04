"""Projects by chance, valid and nearly valid, for comparing readers. Pure: the same source of chance, the same project.

Left out are the kinds of input for which docs/sdk.md lists a difference: fractions, sizes of other images, numbers as
names, and the like.
"""

from __future__ import annotations

import base64
import copy
import io
import random
import zlib
from typing import Any

from PIL import Image

HEIGHT, WIDTH = 6, 8  # of most images
# Image → its frame as (height, width).
_IMAGES = {
    "base.jpg": (HEIGHT, WIDTH),
    "exif6.png": (WIDTH, HEIGHT),
    "exif5.jpg": (WIDTH, HEIGHT),
    "exif8.webp": (HEIGHT, WIDTH),
    "rgba_half.png": (HEIGHT, WIDTH),
    "g16.png": (HEIGHT, WIDTH),
    "palette.bmp": (HEIGHT, WIDTH),
    "cut1.jpg": (HEIGHT, WIDTH),
    "be.tif": (HEIGHT, WIDTH),
    "no_iend.png": (HEIGHT, WIDTH),  # cannot be read
}
_DRAWN = ("polygon", "bitmap", "rectangle", "line", "point", "graph", "cuboid")
_UNUSED = ("mask_3d", "cuboid_3d", "point_cloud", "alpha_mask", "closed_surface_mesh")
_NAMES = ("leaf", "Leaf", "leaf ", "лист 🍃", "a/b", "<b>", "0", "\u00e9", "e\u0301")
_DATASETS = ("ds1", "ds 2", "ds1/datasets/sub", "ds1/datasets/sub/datasets/deep", "group/datasets/inner", "ünïcode")
_FACES = [[0, 1, 2, 3], [1, 4, 5, 2], [2, 5, 6, 3]]
_VALUES: tuple[Any, ...] = (None, "", "x", [], {}, 0, -1, 5, 10**6, True, [[1, 2]], ["z"], [None], {"a": 1})

Json = dict[str, Any]


def generated_project(chance: random.Random | int) -> Json:
    """The files of a project, as `reader_cases.write_case` takes them."""
    rng = random.Random(chance) if isinstance(chance, int) else chance
    meta = _meta(rng)
    files: Json = {}
    annotations = []
    for dataset in _some(rng, _DATASETS, 1, 3):
        for number in range(rng.randint(1, 2)):
            image = _image(rng)
            name = f"{number}.{image.rpartition('.')[2]}"
            files[f"{dataset}/img/{name}"] = {"$image": image}
            annotation = _annotation(rng, meta, _IMAGES[image])
            annotations.append(annotation)
            files[f"{dataset}/ann/{name}.json"] = annotation
    if rng.random() < 0.3:
        _spoil(rng, rng.choice([meta, *annotations]))
    return {"meta.json": meta, **files}


def _some(rng: random.Random, values: Any, least: int, most: int) -> list[Any]:
    return rng.sample(list(values), rng.randint(least, min(most, len(values))))


def _image(rng: random.Random) -> str:
    ordinary = list(_IMAGES)[:-1]
    return rng.choice(ordinary) if rng.random() < 0.99 else "no_iend.png"


# ---------------------------------------------------------------- meta


def _meta(rng: random.Random) -> Json:
    classes = [_class(rng, title) for title in _some(rng, _NAMES, 1, 5)]
    tags = [_tag_meta(rng, name) for name in _some(rng, _NAMES, 0, 4)]
    meta: Json = {"classes": classes, "tags": tags}
    if tags and rng.random() < 0.1:
        cut = rng.randint(0, len(tags))
        meta = {"classes": classes, "tags_images": tags[:cut], "tags_objects": tags[cut // 2 :]}
    if rng.random() < 0.3:
        meta["projectType"] = "images"
    return meta


def _class(rng: random.Random, title: str) -> Json:
    shape = rng.choice([*_DRAWN, *_DRAWN, "any", rng.choice(_UNUSED)])
    color = rng.choice(["#112233", "#aAbBcC", "#FFF", "red"])
    item: Json = {"title": title, "shape": shape, "color": color}
    if shape == "graph":
        nodes = {id_: {"label": id_, "loc": [1, 1], "color": "#010203"} for id_ in "abc"}
        item["geometry_config"] = {"nodes": nodes, "edges": [{"src": "a", "dst": "b", "color": "#040506"}]}
    elif rng.random() < 0.3:
        item["geometry_config"] = rng.choice([{}, None])
    if rng.random() < 0.3:
        item |= {"hotkey": "k", "description": "d", "id": rng.randint(1, 9)}
    return item


def _tag_meta(rng: random.Random, name: str) -> Any:
    kind = rng.choice(["none", "any_number", "any_string", "oneof_string"])
    item: Json = {"name": name, "value_type": kind}
    if kind == "oneof_string":
        item["values"] = rng.choice([["a", "b"], ["a", "b"], ["a", "a"], []])
    if kind == "none" and rng.random() < 0.3:
        return name
    if rng.random() < 0.5:
        item["color"] = "#0A0B0C"
    if rng.random() < 0.2:
        item |= {"applicable_type": "imagesOnly", "classes": [], "hotkey": ""}
    return item


# ---------------------------------------------------------------- annotations


def _annotation(rng: random.Random, meta: Json, frame: tuple[int, int]) -> Json:
    objects = [label for _ in range(rng.randint(0, 4)) if (label := _label(rng, meta, frame)) is not None]
    size = {"height": frame[0], "width": frame[1]}
    annotation: Json = {"description": "", "size": size, "tags": _tags(rng, meta), "objects": objects}
    if rng.random() < 0.2:
        annotation["customBigData"] = {}
    return annotation


def _tags(rng: random.Random, meta: Json) -> list[Any]:
    metas = meta.get("tags", []) + meta.get("tags_images", []) + meta.get("tags_objects", [])
    tags: list[Any] = []
    for _ in range(rng.randint(0, 3) if metas else 0):
        item = rng.choice(metas)
        name, kind = (item, "none") if isinstance(item, str) else (item["name"], item["value_type"])
        if kind == "none":
            tags.append(rng.choice([name, {"name": name}, {"name": name, "value": None}]))
        else:
            values: dict[str, list[Any]] = {
                "any_number": [0, 1.5, -3, True],
                "any_string": ["", "x"],
                "oneof_string": item.get("values") if rng.random() < 0.98 else ["a", "B"],
            }
            if values[kind]:
                tags.append({"name": name, "value": rng.choice(values[kind])})
    return tags


def _label(rng: random.Random, meta: Json, frame: tuple[int, int]) -> Json | None:
    item = rng.choice(meta["classes"])
    shape: str = item["shape"]
    more: Json = {}
    if shape in _UNUSED:
        return None
    if shape == "any":
        shape = rng.choice([kind for kind in _DRAWN if kind != "graph"])
        more = {rng.choice(["shape", "geometryType"]): shape}
    elif rng.random() < 0.3:
        more = {"shape": shape, "geometryType": shape}
    if rng.random() < 0.2:
        more |= {"id": rng.randint(1, 99), "labelerLogin": "me", "createdAt": "x", "updatedAt": "y"}
    if rng.random() < 0.1 and shape != "bitmap":
        more["bitmap"] = None
    label = {"classTitle": item["title"], "tags": _tags(rng, meta), **_geometry(rng, shape, frame), **more}
    if rng.random() < 0.8:
        label["description"] = rng.choice(["", "words"])
    return label


def _geometry(rng: random.Random, shape: str, frame: tuple[int, int]) -> Json:
    far = rng.choice([0, 0, 0, 5, 40, 10**12])  # how far outside of the image

    def points(count: int) -> list[list[int]]:
        height, width = frame
        return [[rng.randint(-far, width - 1 + far), rng.randint(-far, height - 1 + far)] for _ in range(count)]

    if shape == "bitmap":
        return {"bitmap": {"origin": points(1)[0], "data": _mask(rng)}}
    if shape == "graph":
        return {"nodes": {id_: {"loc": loc} for id_, loc in zip(_some(rng, "abc", 1, 3), points(3), strict=False)}}
    if shape == "cuboid":
        return {"points": points(7), "faces": _FACES}
    count = {"polygon": rng.choice([1, 2, 3, 4, 7]), "rectangle": 2, "line": rng.randint(2, 5), "point": 1}[shape]
    holes = rng.randint(0, 2) if shape == "polygon" and far == 0 else 0
    return {"points": {"exterior": points(count), "interior": [points(rng.randint(1, 4)) for _ in range(holes)]}}


def _mask(rng: random.Random) -> str:
    size = rng.randint(1, 9), rng.randint(1, 7)
    mode = rng.choice(["1", "L", "LA", "RGBA"])
    picture, out = Image.new(mode, size), io.BytesIO()
    density = rng.choice([0.05, 0.5, 0.9])
    for x in range(size[0]):
        for y in range(size[1]):
            on = rng.random() < density
            pixel: Any = {"1": int(on), "L": 7 * on, "LA": (9, 200 * on), "RGBA": (1, 2, 3, 3 * on)}[mode]
            picture.putpixel((x, y), pixel)
    if rng.random() < 0.95:  # the others may be empty
        some: Any = {"1": 1, "L": 7, "LA": (9, 200), "RGBA": (1, 2, 3, 3)}[mode]
        picture.putpixel((0, 0), some)
    picture.save(out, "PNG")
    return base64.b64encode(zlib.compress(out.getvalue())).decode()


# ---------------------------------------------------------------- nearly valid


def _spoil(rng: random.Random, value: Json) -> None:
    """Change one place in it, in place: remove a key, or put another value there."""
    places = [place for place in _places(value, ()) if place[-1] not in _NEVER]
    way = rng.choice(places)
    owner: Any = value
    for key in way[:-1]:
        owner = owner[key]
    if isinstance(owner, dict) and rng.random() < 0.3:
        del owner[way[-1]]
    else:
        others = [other for other in _VALUES if way[-1] not in _LISTS or not isinstance(other, (dict, str))]
        owner[way[-1]] = copy.deepcopy(rng.choice(others))


# Keys whose other values are listed differences, or whose check is nobody's business but a server's.
_NEVER = frozenset({"height", "width", "title", "name", "projectType", "customBigData", "hotkey", "id"})
_LISTS = frozenset(
    {"values", "tags", "tags_images", "tags_objects"}
)  # of text; the official SDK takes other things too


def _places(value: Any, way: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found = []
    for key, part in inner:
        found += [(*way, key), *_places(part, (*way, key))]
    return found
