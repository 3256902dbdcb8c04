"""The geometry of an annotation's object: every problem of it. Pure.

Contract: project_format.md 4. What is refused here cannot be read by `supervisely_lib` either, and the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeGuard

from agent.errors import Problem
from agent.formats.mask import BadMask, decode_mask
from agent.formats.meta import Meta, brief_value

_NUMBER = (int, float)
_LIMIT = 2**62  # of a coordinate
_LEAST = {"polygon": 1, "rectangle": 2, "line": 2, "point": 1}  # points; the SDK makes a triangle of fewer than three
_MOST = {"rectangle": 2, "point": 1}
_FACES, _CORNERS = 3, 4  # of a cuboid

Report = Callable[..., None]


def geometry_problems(label: Mapping[str, Any], title: str, meta: Meta, file: str, place: str) -> list[Problem]:
    """Every problem of an object's geometry, as the shape of its class or, for classes of any shape, its own."""
    problems: list[Problem] = []

    def report(key: str, sentence: str, remedy: str = "") -> None:
        problems.append(Problem(file, f"{place}.{key}", sentence, remedy))

    shape = meta.shapes[title]
    if shape == "any":
        _any(label, report)
    elif shape == "graph":
        _graph(label, meta.nodes.get(title, frozenset()), report)
    else:
        _of_shape(label, shape, report)
    return problems


def _any(label: Mapping[str, Any], report: Report) -> None:
    key = "geometryType" if "geometryType" in label else "shape"
    shape = label.get(key)
    if key not in label:
        report(key, "and geometryType are missing; the class may have any shape.", "Write the object's shape.")
    elif not isinstance(shape, str) or shape not in _CHECKS:
        remedy = "" if shape != "graph" else "Give the graph a class of its own, with its nodes."
        report(key, f"is {brief_value(shape)}, which no plugin reads in a class of any shape.", remedy)
    else:
        _of_shape(label, shape, report)


def _of_shape(label: Mapping[str, Any], shape: str, report: Report) -> None:
    check = _CHECKS.get(shape)
    if check is not None:
        check(label, report)
    elif shape != "multichannelBitmap":  # of a class, whose objects are made by models only
        report("classTitle", f"is a class of shape {shape}, whose objects no plugin reads.", "Remove the object.")


def _vector(shape: str, label: Mapping[str, Any], report: Report) -> None:
    points = label.get("points")
    if not isinstance(points, dict):
        report("points", f"is missing; a {shape} needs it.")
        return
    exterior, interior = points.get("exterior"), points.get("interior")
    if not _is_ring(exterior):
        report("points.exterior", "is not a list of points [x, y].")
    elif len(exterior) < _LEAST[shape] or len(exterior) > _MOST.get(shape, len(exterior)):
        report("points.exterior", f"has {len(exterior)} points; a {shape} needs {_LEAST[shape]}.")
    if not isinstance(interior, list):
        report("points.interior", "is missing.", "Write [] if there are no holes.")
    elif not all(map(_is_ring, interior)):
        report("points.interior", "is not a list of lists of points [x, y].", "Write [] if there are no holes.")
    elif shape == "polygon" and not all(interior):
        report("points.interior", "has a hole without points.", "Remove it.")


def _bitmap(label: Mapping[str, Any], report: Report) -> None:
    bitmap = label.get("bitmap")
    if not isinstance(bitmap, dict) or not isinstance(bitmap.get("data"), str) or not _is_point(bitmap.get("origin")):
        report("bitmap", "is missing, or lacks origin or data.")
        return
    try:
        decode_mask(bitmap["data"])
    except BadMask as error:
        report("bitmap.data", str(error), error.remedy)


def _graph(label: Mapping[str, Any], known: frozenset[str], report: Report) -> None:
    nodes = label.get("nodes")
    if not isinstance(nodes, dict):
        report("nodes", "is missing.")
    elif not nodes:
        report("nodes", "is empty; a graph has at least one node.", "Remove the object.")
    else:
        for id_, node in nodes.items():
            name = brief_value(id_)
            if not isinstance(node, dict) or not _is_point(node.get("loc")):
                report("nodes", f"has node {name} without a location [x, y].", "Remove the node, or give it a loc.")
            if id_ not in known:
                report("nodes", f"has node {name}, which is not in the geometry_config of its class.")


def _cuboid(label: Mapping[str, Any], report: Report) -> None:
    points, faces = label.get("points"), label.get("faces")
    if not _is_ring(points):
        report("points", "is not a list of points [x, y].")
    elif (
        not isinstance(faces, list)
        or len(faces) != _FACES
        or not all(isinstance(face, list) and len(face) == _CORNERS for face in faces)
        or not all(type(number) is int and 0 <= number < len(points) for face in faces for number in face)
    ):
        report("faces", f"is not a list of {_FACES} faces, each of {_CORNERS} numbers of points.")


def _is_ring(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and all(map(_is_point, value))


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    x, y = value  # written out: a project has millions of points
    if not (isinstance(x, _NUMBER) and isinstance(y, _NUMBER)):
        return False
    return math.isfinite(x) and math.isfinite(y) and -_LIMIT <= x <= _LIMIT and -_LIMIT <= y <= _LIMIT


_CHECKS: dict[str, Callable[[Mapping[str, Any], Report], None]] = {
    **{shape: partial(_vector, shape) for shape in _LEAST},
    "bitmap": _bitmap,
    "cuboid": _cuboid,
}
