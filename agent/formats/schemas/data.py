"""Schemas of a project's meta.json and annotations (contract: project_format.md 2 and 3)."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

SHAPES = (
    *("polygon", "rectangle", "bitmap", "line", "point", "graph", "any", "cuboid", "cuboid_2d", "cuboid_3d"),
    *("alpha_mask", "oriented_bbox", "multipolygon", "mask_3d", "point_3d", "point_cloud", "polyline_3d", "mesh"),
    *("closed_surface_mesh", "multichannelBitmap"),
)
VALUE_TYPES = ("none", "any_number", "any_string", "oneof_string")

_COLOR: Schema = {"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$", "description": "#RRGGBB"}
# Some programs write "" or {} for an empty list.
_NOTHING: list[Schema] = [{"const": ""}, {"type": "object", "maxProperties": 0}]


def _list_of(items: Schema) -> Schema:
    return {"anyOf": [{"type": "array", "items": items}, *_NOTHING]}


_CLASS: Schema = {
    "type": "object",
    "required": ["title", "shape", "color"],
    "properties": {
        "title": {"type": "string"},
        "shape": {"enum": list(SHAPES)},
        "color": {"type": "string", "description": "#RRGGBB; another text gets a colour by chance."},
        "geometry_config": {"description": "Of a graph: its nodes and edges."},
    },
    "if": {"properties": {"shape": {"const": "graph"}}, "required": ["shape"]},
    "then": {
        "required": ["geometry_config"],
        "properties": {
            "geometry_config": {
                "type": "object",
                "required": ["nodes"],
                "properties": {"nodes": {"type": "object", "additionalProperties": {"type": "object"}}},
            }
        },
    },
}

_TAG: Schema = {
    "anyOf": [
        {"type": "string", "description": "The name of a tag without a value."},
        {
            "type": "object",
            "required": ["name", "value_type"],
            "properties": {
                "name": {"type": "string"},
                "value_type": {"enum": list(VALUE_TYPES)},
                "color": {"anyOf": [_COLOR, {"type": "null"}]},
            },
            "if": {"properties": {"value_type": {"const": "oneof_string"}}, "required": ["value_type"]},
            "then": {
                "required": ["values"],
                "properties": {"values": {"type": "array", "items": {"type": "string"}}},
            },
            "else": {"properties": {"values": {"type": "null"}}},
        },
    ]
}

META: Schema = {
    "title": "meta.json",
    "description": "Classes and tags of a project.",
    "type": "object",
    "required": ["classes"],
    "properties": {"classes": _list_of(_CLASS), "tags": {"anyOf": [_list_of(_TAG), {"type": "null"}]}},
}

_NUMBER_OR_TRUTH: Schema = {"type": ["number", "boolean"]}  # Python takes true for 1, and so does the SDK
_POINT: Schema = {"type": "array", "items": _NUMBER_OR_TRUTH, "minItems": 2, "maxItems": 2, "description": "x, y"}
_POINTS: Schema = {"type": "array", "items": _POINT}
_ANNOTATION_TAG: Schema = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "value": True}},
    ]
}
_OBJECT: Schema = {
    "type": "object",
    "required": ["classTitle", "tags"],
    "properties": {
        "classTitle": {"type": "string", "description": "A class of meta.json."},
        "description": {},
        "tags": _list_of(_ANNOTATION_TAG),
        "points": {
            "description": "exterior: [[x, y], …], of a rectangle two corners; interior: a list of holes.",
        },
        "bitmap": {"description": "origin [x, y]; data: base64 of a deflated PNG."},
    },
    # An object has one geometry, whose key its class decides: here none is refused that some shape allows.
    "anyOf": [
        {
            "required": ["points"],
            "properties": {
                "points": {
                    "type": "object",
                    "required": ["exterior", "interior"],
                    "properties": {"exterior": _POINTS, "interior": {"type": "array", "items": _POINTS}},
                }
            },
        },
        {
            "required": ["bitmap"],
            "properties": {
                "bitmap": {
                    "type": "object",
                    "required": ["origin", "data"],
                    "properties": {"origin": _POINT, "data": {"type": "string"}},
                }
            },
        },
        {"required": ["nodes"], "properties": {"nodes": {"type": "object", "minProperties": 1}}},
        {"required": ["points", "faces"], "properties": {"points": _POINTS, "faces": {"type": "array"}}},
        {"not": {"anyOf": [{"required": [key]} for key in ("points", "bitmap", "nodes")]}},  # of a model's own shape
    ],
}

_LENGTH: Schema = {"type": "number", "minimum": 1}
ANNOTATION: Schema = {
    "title": "annotation",
    "description": "ann/IMAGE.json of a dataset.",
    "type": "object",
    "required": ["size", "tags", "objects"],
    "properties": {
        "description": {},
        "size": {
            "type": "object",
            "required": ["height", "width"],
            "properties": {"height": _LENGTH, "width": _LENGTH},
        },
        "tags": _list_of(_ANNOTATION_TAG),
        "objects": _list_of(_OBJECT),
    },
}
