"""meta.json and annotation files: every problem of them. Pure.

Contract: project_format.md 2-4. Checked is what every reader needs and what the library shows; what only the
newer generation writes is let through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import Problem
from agent.formats.json_text import NotJson, parse, parse_unique
from agent.formats.names import shown, text_problem

META = "meta.json"
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII)
_NUMBER = (int, float)
_POINTS = {"polygon": 3, "rectangle": 2, "line": 2, "point": 1}  # smallest number of points
_SHAPES = frozenset({*_POINTS, "bitmap", "graph"})
_NEWER_SHAPES = frozenset(
    {"any", "cuboid", "cuboid_2d", "cuboid_3d", "alpha_mask", "oriented_bbox", "multipolygon", "mask_3d", "point_3d"}
    | {"point_cloud", "polyline_3d", "mesh", "closed_surface_mesh", "multichannelBitmap"}
)
_VALUE_TYPES = ("none", "any_number", "any_string", "oneof_string", "date")


@dataclass(frozen=True, slots=True)
class Tag:
    value_type: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meta:
    """What a project's annotations may use. `json` is meta.json as it was read, or {} if it is not `is_known`."""

    json: Mapping[str, Any]
    shapes: Mapping[str, str] = field(default_factory=dict)  # class title → shape
    tags: Mapping[str, Tag] = field(default_factory=dict)
    is_known: bool = True


def read_meta(data: bytes) -> tuple[Meta, list[Problem]]:
    """meta.json → what could be read of it, and every problem. Raises nothing."""
    try:
        value, twice = parse_unique(data)
    except NotJson as error:
        return Meta({}, is_known=False), [error.problem(META)]
    problems = [Problem(META, shown(key), "appears twice in one object.", "Keep one of them.") for key in twice]
    if not isinstance(value, dict):
        problem = Problem(META, "", "is not a JSON object.", 'Write {"classes": [...], "tags": [...]}.')
        return Meta({}, is_known=False), [problem]
    meta, wrong = check_meta(value)
    return meta, problems + wrong


def check_meta(value: Mapping[str, Any]) -> tuple[Meta, list[Problem]]:
    """The same for a meta that is JSON already."""
    problems: list[Problem] = []
    shapes: dict[str, str] = {}
    for place, item in _items(value, "classes", problems, required=True):
        title = _title(item, "title", place, shapes, problems)
        shape = item.get("shape")
        if not isinstance(shape, str) or shape not in _SHAPES | _NEWER_SHAPES:
            remedy = f"Use one of {', '.join(sorted(_SHAPES))}."
            problems.append(Problem(META, f"{place}.shape", f"{_brief(shape)} is not a shape.", remedy))
        if not _is_color(item.get("color")):
            problems.append(
                Problem(META, f"{place}.color", f"{_brief(item.get('color'))} is not a color.", "Write #RRGGBB.")
            )
        if title is not None:
            shapes[title] = shape if isinstance(shape, str) else ""
    tags = _tags(value, problems)
    return Meta(value, shapes, tags), problems


def annotation_problems(data: bytes, meta: Meta, file: str, size: tuple[int, int] | None = None) -> list[Problem]:
    """Every problem of one annotation file. `size` is the image's (width, height) where known."""
    try:
        value = parse(data)
    except NotJson as error:
        return [error.problem(file)]
    if not isinstance(value, dict):
        return [Problem(file, "", "is not a JSON object.", 'Write {"size": ..., "tags": [], "objects": []}.')]
    problems = _size_problems(value.get("size"), file, size)
    problems += _tag_problems(value, "tags", meta, file)
    objects = value.get("objects")
    if not isinstance(objects, list):
        problems.append(Problem(file, "objects", "is missing or not a list.", "Write [] if there are none."))
        return problems
    for index, label in enumerate(objects):
        place = f"objects[{index}]"
        if not isinstance(label, dict):
            problems.append(Problem(file, place, "is not a JSON object."))
            continue
        title = label.get("classTitle")
        if not isinstance(title, str):
            problems.append(Problem(file, f"{place}.classTitle", "is missing or not text."))
        elif not meta.is_known:
            pass  # the meta is to blame, and has been
        elif title not in meta.shapes:
            sentence = f"class {_brief(title)} is not in meta.json."
            problems.append(Problem(file, f"{place}.classTitle", sentence, "Add it there or rename it here."))
        else:
            problems += _geometry_problems(label, meta.shapes[title], file, place)
        problems += _tag_problems(label, f"{place}.tags", meta, file)
    return problems


def _items(
    value: Mapping[str, Any], key: str, problems: list[Problem], *, required: bool
) -> list[tuple[str, Mapping[str, Any]]]:
    """The objects of a list, with their places. A tag that is plain text stands for its name."""
    items = value.get(key)
    if items is None and not required:
        return []
    if not isinstance(items, list):
        sentence = "is missing." if items is None else "is not a list."
        problems.append(Problem(META, key, sentence, "Write [] if there are none."))
        return []
    found: list[tuple[str, Mapping[str, Any]]] = []
    for index, item in enumerate(items):
        if isinstance(item, dict):
            found.append((f"{key}[{index}]", item))
        elif isinstance(item, str) and key != "classes":
            found.append((f"{key}[{index}]", {"name": item, "value_type": "none"}))
        else:
            problems.append(Problem(META, f"{key}[{index}]", "is not a JSON object."))
    return found


def _title(
    item: Mapping[str, Any], key: str, place: str, known: Mapping[str, object], problems: list[Problem]
) -> str | None:
    title = item.get(key)
    if not isinstance(title, str) or not title:
        problems.append(Problem(META, f"{place}.{key}", "is missing or not text."))
        return None
    if sentence := text_problem(title):
        problems.append(Problem(META, f"{place}.{key}", f"{_brief(title)} {sentence}.", "Rename it."))
    if title in known:
        problems.append(Problem(META, f"{place}.{key}", f"{_brief(title)} appears twice.", "Rename or remove one."))
        return None
    return title


def _tags(value: Mapping[str, Any], problems: list[Problem]) -> dict[str, Tag]:
    old = ("tags_images", "tags_objects")  # legacy: two lists, merged by name
    keys = ("tags",) if value.get("tags") or not any(value.get(key) for key in old) else old
    if keys == ("tags",) and any(value.get(key) for key in old):
        problems.append(Problem(META, "tags", "stands beside tags_images or tags_objects.", "Keep only tags."))
    tags: dict[str, Tag] = {}
    for key in keys:
        here: dict[str, Tag] = {}
        for place, item in _items(value, key, problems, required=False):
            name = _title(item, "name", place, here, problems)
            tag = _tag(item, place, problems)
            if name is None:
                continue
            if tags.get(name, tag) != tag:
                problems.append(Problem(META, place, f"{_brief(name)} is defined in two ways.", "Keep one of them."))
            here[name] = tag
        tags |= here
    return tags


def _tag(item: Mapping[str, Any], place: str, problems: list[Problem]) -> Tag:
    value_type, values = item.get("value_type"), item.get("values")
    if not isinstance(value_type, str) or value_type not in _VALUE_TYPES:
        sentence = f"{_brief(value_type)} is not a value type."
        problems.append(Problem(META, f"{place}.value_type", sentence, f"Use one of {', '.join(_VALUE_TYPES)}."))
        value_type = ""
    is_text = isinstance(values, list) and all(isinstance(choice, str) for choice in values)
    if value_type == "oneof_string" and not (is_text and values):
        problems.append(Problem(META, f"{place}.values", "is missing or not a list of text.", "List the choices."))
    elif value_type and value_type != "oneof_string" and values:
        problems.append(Problem(META, f"{place}.values", f"is not allowed for {value_type}.", "Remove it."))
    if item.get("color") is not None and not _is_color(item["color"]):
        problems.append(Problem(META, f"{place}.color", f"{_brief(item['color'])} is not a color.", "Write #RRGGBB."))
    return Tag(value_type, tuple(values) if is_text and isinstance(values, list) else ())


def _size_problems(value: object, file: str, size: tuple[int, int] | None) -> list[Problem]:
    if not isinstance(value, dict):
        return [Problem(file, "size", "is missing or not an object.", 'Write {"height": H, "width": W}.')]
    problems = [
        Problem(file, f"size.{key}", f"{_brief(value.get(key))} is not a whole number above 0.")
        for key in ("height", "width")
        if isinstance(value.get(key), bool) or not isinstance(value.get(key), int) or value[key] <= 0
    ]
    if not problems and size is not None and (value["width"], value["height"]) != size:
        sentence = f"is {value['width']}×{value['height']} but the image is {size[0]}×{size[1]} (width×height)."
        problems.append(Problem(file, "size", sentence))
    return problems


def _tag_problems(owner: Mapping[str, Any], place: str, meta: Meta, file: str) -> list[Problem]:
    tags = owner.get("tags")
    if not isinstance(tags, list):
        return [Problem(file, place, "is missing or not a list.", "Write [] if there are none.")]
    problems: list[Problem] = []
    for index, tag in enumerate(tags):
        name = tag.get("name") if isinstance(tag, dict) else tag
        value = tag.get("value") if isinstance(tag, dict) else None
        if not isinstance(name, str):
            problems.append(Problem(file, f"{place}[{index}]", "has no name."))
        elif not meta.is_known:
            continue
        elif name not in meta.tags:
            sentence = f"tag {_brief(name)} is not in meta.json."
            problems.append(Problem(file, f"{place}[{index}]", sentence, "Add it there or remove it here."))
        elif not _fits(value, meta.tags[name]):
            sentence = f"value {_brief(value)} does not fit tag {_brief(name)} of type {meta.tags[name].value_type}."
            problems.append(Problem(file, f"{place}[{index}].value", sentence))
    return problems


def _fits(value: object, tag: Tag) -> bool:
    match tag.value_type:
        case "none":
            return value is None
        case "any_number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "any_string":
            return isinstance(value, str)
        case "oneof_string":
            return value in tag.values
        case _:  # dates, and types already reported
            return True


def _geometry_problems(label: Mapping[str, Any], shape: str, file: str, place: str) -> list[Problem]:
    # A class of the newer generation's shape `any` says in each object what it is.
    shape = str(label.get("geometryType", shape)) if shape not in _SHAPES else shape
    if shape == "bitmap":
        bitmap = label.get("bitmap")
        whole = isinstance(bitmap, dict) and isinstance(bitmap.get("data"), str) and _is_point(bitmap.get("origin"))
        return [] if whole else [Problem(file, f"{place}.bitmap", "is missing, or lacks origin or data.")]
    if shape == "graph":
        return [] if isinstance(label.get("nodes"), dict) else [Problem(file, f"{place}.nodes", "is missing.")]
    if shape not in _POINTS:
        return []
    points = label.get("points")
    if not isinstance(points, dict):
        return [Problem(file, f"{place}.points", f"is missing; a {shape} needs it.")]
    exterior, interior = points.get("exterior"), points.get("interior")
    problems: list[Problem] = []
    if not isinstance(exterior, list) or not all(_is_point(point) for point in exterior):
        problems.append(Problem(file, f"{place}.points.exterior", "is not a list of points [x, y]."))
    elif len(exterior) < _POINTS[shape] or (shape in ("rectangle", "point") and len(exterior) > _POINTS[shape]):
        sentence = f"has {len(exterior)} points; a {shape} needs {_POINTS[shape]}."
        problems.append(Problem(file, f"{place}.points.exterior", sentence))
    if not isinstance(interior, list):
        problems.append(Problem(file, f"{place}.points.interior", "is missing.", "Write [] if there are no holes."))
    return problems


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    x, y = value  # written out: a project has millions of points
    return isinstance(x, _NUMBER) and isinstance(y, _NUMBER) and math.isfinite(x) and math.isfinite(y)


def _is_color(value: object) -> bool:
    return isinstance(value, str) and _COLOR.fullmatch(value) is not None


def _brief(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case str():
            return repr(shown(value[:80]) + ("…" if len(value) > 80 else ""))
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return repr(value)
