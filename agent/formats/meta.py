"""meta.json: classes and tags of a project, and every problem of them. Pure.

Contract: project_format.md 2. What is refused here cannot be read by `supervisely_lib` either, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import Problem
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse_unique
from agent.fs.names import shown, text_problem

META = "meta.json"
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII)
_ORDINARY = frozenset({"polygon", "rectangle", "line", "point", "bitmap", "graph"})
_NEWER = frozenset(
    {"any", "cuboid", "cuboid_2d", "cuboid_3d", "alpha_mask", "oriented_bbox", "multipolygon", "mask_3d", "point_3d"}
    | {"point_cloud", "polyline_3d", "mesh", "closed_surface_mesh", "multichannelBitmap"}
)
_VALUE_TYPES = ("none", "any_number", "any_string", "oneof_string")
_EMPTY: tuple[object, ...] = ("", {})  # written by some programs for an empty list
# Fields of the newer generation that its SDK checks.
_ALLOWED = {
    "applicable_type": ("all", "imagesOnly", "objectsOnly"),
    "target_type": ("all", "framesOnly", "entitiesOnly"),
}


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
    nodes: Mapping[str, frozenset[str]] = field(default_factory=dict)  # title of a class of graphs → ids of its nodes
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
    nodes: dict[str, frozenset[str]] = {}
    for place, item in _items(value, "classes", problems, required=True):
        title = _title(item, "title", place, shapes, problems)
        shape = item.get("shape")
        if not isinstance(shape, str) or shape not in _ORDINARY | _NEWER:
            remedy = f"Use one of {', '.join(sorted(_ORDINARY))}."
            problems.append(Problem(META, f"{place}.shape", f"{brief_value(shape)} is not a shape.", remedy))
        if not isinstance(item.get("color"), str):
            sentence = f"{brief_value(item.get('color'))} is not a color."
            problems.append(Problem(META, f"{place}.color", sentence, "Write #RRGGBB."))
        known = _graph_nodes(item.get("geometry_config"), place, problems) if shape == "graph" else frozenset()
        if title is not None:
            shapes[title] = shape if isinstance(shape, str) else ""
            nodes[title] = known
    tags = _tags(value, problems)
    return Meta(value, shapes, tags, nodes), problems


def _items(
    value: Mapping[str, Any], key: str, problems: list[Problem], *, required: bool
) -> list[tuple[str, Mapping[str, Any]]]:
    """The objects of a list, with their places. A tag that is plain text stands for its name."""
    if key not in value and not required:
        return []
    items = value.get(key)
    if items in _EMPTY:
        return []
    if not isinstance(items, list):
        sentence = "is not a list." if key in value else "is missing."
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
    if not isinstance(title, str):
        problems.append(Problem(META, f"{place}.{key}", "is missing or not text."))
        return None
    if sentence := text_problem(title):
        problems.append(Problem(META, f"{place}.{key}", f"{brief_value(title)} {sentence}.", "Rename it."))
    if title in known:
        problems.append(
            Problem(META, f"{place}.{key}", f"{brief_value(title)} appears twice.", "Rename or remove one.")
        )
        return None
    return title


def _graph_nodes(config: object, place: str, problems: list[Problem]) -> frozenset[str]:
    """The ids of the nodes that graphs of a class may have."""
    place = f"{place}.geometry_config"
    nodes = config.get("nodes") if isinstance(config, dict) else None
    edges = config.get("edges", []) if isinstance(config, dict) else []
    if not isinstance(nodes, dict) or not all(isinstance(node, dict) for node in nodes.values()):
        sentence = "is missing, or has no nodes; every class of graphs needs them."
        problems.append(Problem(META, place, sentence, 'Write {"nodes": {ID: {...}}, "edges": [...]}.'))
        return frozenset()
    if edges not in _EMPTY and (not isinstance(edges, list) or not all(map(_is_edge, edges))):
        sentence = "is not a list of edges between two nodes; the SDK could not draw the graphs."
        remedy = 'Write {"src": ID, "dst": ID} for each edge, or [] if there are none.'
        problems.append(Problem(META, f"{place}.edges", sentence, remedy))
        edges = []
    for part in (*nodes.values(), *edges):
        if "color" in part and not is_color(part["color"]):
            sentence = f"has a color that is none: {brief_value(part['color'])}."
            problems.append(Problem(META, place, sentence, "Write #RRGGBB."))
    return frozenset(nodes)


def _is_edge(value: object) -> bool:
    ends = [value.get(end, []) for end in ("src", "dst")] if isinstance(value, dict) else [[]]
    return not any(isinstance(end, (list, dict)) for end in ends)


def _tags(value: Mapping[str, Any], problems: list[Problem]) -> dict[str, Tag]:
    old = ("tags_images", "tags_objects")  # legacy: two lists, merged by name
    keys = ("tags",) if value.get("tags") or not any(value.get(key) for key in old) else old
    if keys == ("tags",) and any(value.get(key) for key in old):
        problems.append(Problem(META, "tags", "stands beside tags_images or tags_objects.", "Keep only tags."))
    problems += [
        Problem(META, key, "is not a list.", "Write [] if there are none.")
        for key in ("tags", *old)
        if key not in keys and key in value and value[key] is None
    ]
    tags: dict[str, Tag] = {}
    for key in keys:
        here: dict[str, Tag] = {}
        for place, item in _items(value, key, problems, required=False):
            name = _title(item, "name", place, here, problems)
            tag = _tag(item, place, problems)
            if name is None:
                continue
            if tags.get(name, tag) != tag:
                sentence = f"{brief_value(name)} is defined in two ways."
                problems.append(Problem(META, place, sentence, "Keep one of them."))
            here[name] = tag
        tags |= here
    return tags


def _tag(item: Mapping[str, Any], place: str, problems: list[Problem]) -> Tag:
    value_type, values = item.get("value_type"), item.get("values")
    if not isinstance(value_type, str) or value_type not in _VALUE_TYPES:
        sentence, remedy = f"{brief_value(value_type)} is not a value type.", f"Use one of {', '.join(_VALUE_TYPES)}."
        if value_type == "date":
            sentence, remedy = "'date' is a value type that no SDK of plugins reads.", "Use any_string for dates."
        problems.append(Problem(META, f"{place}.value_type", sentence, remedy))
        value_type = ""
    is_text = isinstance(values, list) and all(isinstance(choice, str) for choice in values)
    if value_type == "oneof_string" and not is_text:
        problems.append(Problem(META, f"{place}.values", "is missing or not a list of text.", "List the choices."))
    elif value_type and value_type != "oneof_string" and values is not None:
        problems.append(Problem(META, f"{place}.values", f"is not allowed for {value_type}.", "Remove it."))
    if item.get("color") is not None and not is_color(item["color"]):
        sentence = f"{brief_value(item['color'])} is not a color."
        problems.append(Problem(META, f"{place}.color", sentence, "Write #RRGGBB."))
    for key, allowed in _ALLOWED.items():
        if item.get(key) is not None and item[key] not in allowed:
            sentence = f"is {brief_value(item[key])}, which no SDK knows."
            problems.append(Problem(META, f"{place}.{key}", sentence, f"Use one of {', '.join(allowed)}."))
    return Tag(value_type, tuple(values) if is_text and isinstance(values, list) else ())


def is_color(value: object) -> bool:
    """Whether it is #RRGGBB. A class of another text gets a color by chance."""
    return isinstance(value, str) and _COLOR.fullmatch(value) is not None


def brief_value(value: object) -> str:
    """A JSON value in a sentence."""
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
