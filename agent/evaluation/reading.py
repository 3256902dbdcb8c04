"""What an annotation says of its image, as the plan compares it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from agent.evaluation.areas import Area, Unreadable, area_of, box, place, points_of
from agent.evaluation.plan import BOXES, GRAPHS, LINES, MASKS, NOTHING, POINTS, Plan
from agent.evaluation.planning_tags import label_of
from agent.formats.label_shapes import objects_of, shape_of

_COVERING = frozenset({"bitmap", "polygon", "rectangle"})
_LARGEST = 1e300
_PLACES = {"point": POINTS, "line": LINES}

Places = Mapping[str, tuple[int, int]]  # name → (x, y): the nodes of a graph, or numbered points


class Thing(NamedTuple):
    """An object of an annotation: its place there, the number of its class, and its geometry by its kind.

    `confidence` is None for one without. Neutral objects have the class NOTHING.
    """

    object: int
    number: int
    kind: str
    confidence: float | None
    area: Area | None
    places: Places | None


class Seen(NamedTuple):
    """The things of an image on one side, in the order in which they are drawn, and what could not be read."""

    things: list[Thing]
    problems: list[str]


def read_things(plan: Plan, annotation: Mapping[str, Any], size: tuple[int, int], *, predicted: bool) -> Seen:
    """Things of compared classes; on the side of the truth the neutral ones, too. `size`: (width, height).

    Things outside of the image are left out, as plugins leave them out.
    """
    titles, shapes = (plan.predicted, plan.predicted_shapes) if predicted else (plan.truth, plan.truth_shapes)
    neutral = frozenset() if predicted else frozenset(plan.neutral)
    side = "prediction" if predicted else "ground truth"
    things: list[Thing] = []
    problems: list[str] = []
    for at, label in enumerate(objects_of(annotation)):
        title = label.get("classTitle")
        if not isinstance(title, str) or (title not in titles and title not in neutral):
            continue
        is_neutral = title in neutral
        number = NOTHING if is_neutral else titles[title]
        try:
            shape = shape_of(label, shapes.get(title, "")) or ""
            kind = MASKS if is_neutral else plan.kinds[number]
            confidence = _confidence(label, plan.confidence_tags) if predicted else None
            thing = _thing(label, at, number, kind, confidence, shape, size)
        except Unreadable as error:
            problems.append(f"Object {at + 1} of the {side} (class {title!r}) {error}; it is not counted.")
            continue
        if thing is not None:
            things.append(thing)
    return Seen(things, problems)


def _thing(
    label: Mapping[str, Any],
    at: int,
    number: int,
    kind: str,
    confidence: float | None,
    shape: str,
    size: tuple[int, int],
) -> Thing | None:
    if kind in (MASKS, BOXES):
        if shape not in _COVERING:
            raise Unreadable(f"is a {shape or 'label without a shape'}, which cannot be compared with areas")
        area = area_of(label, shape, *size)
        if area is None:
            return None
        return Thing(at, number, kind, confidence, _box_around(area) if kind == BOXES else area, None)
    places = _places(label, kind, shape)
    if not any(0 <= x < size[0] and 0 <= y < size[1] for x, y in places.values()):
        return None
    return Thing(at, number, kind, confidence, None, places)


def _box_around(area: Area) -> Area:
    """The smallest box around the pixels."""
    if area.on is None:
        return area
    columns, rows = np.flatnonzero(area.on.any(axis=0)), np.flatnonzero(area.on.any(axis=1))
    left, top = area.left + int(columns[0]), area.top + int(rows[0])
    return box(left, top, area.left + int(columns[-1]) + 1, area.top + int(rows[-1]) + 1)


def _places(label: Mapping[str, Any], kind: str, shape: str) -> Places:
    if shape == "graph" and kind == GRAPHS:
        nodes = label.get("nodes")
        if not isinstance(nodes, Mapping) or not all(isinstance(node, Mapping) for node in nodes.values()):
            raise Unreadable("has no nodes")
        found = {name: place(node.get("loc")) for name, node in nodes.items() if not node.get("disabled")}
    elif _PLACES.get(shape) == kind:
        found = {str(at): point for at, point in enumerate(points_of(label, "exterior"))}
        if kind == POINTS and len(found) > 1:
            raise Unreadable(f"has {len(found)} points instead of one")
        if kind == LINES and len(found) == 1:
            raise Unreadable("is a line of one point")
    else:
        raise Unreadable(f"is a {shape or 'label without a shape'}, which cannot be compared with {kind}")
    if not found:
        raise Unreadable("has no point")
    return found


def _confidence(label: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name, value in _tags(label):
        if name in names and (number := _number(value)) is not None:
            return number
    return None


def _number(value: object) -> float | None:
    """A number that a confidence can be."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
    return float(value) if is_one else None  # type: ignore[arg-type]


def read_tags(plan: Plan, annotation: Mapping[str, Any], *, predicted: bool) -> dict[int, float | None]:
    """Number of each compared tag of an image → its confidence, None without."""
    numbers = plan.predicted_tags if predicted else plan.truth_tags
    found: dict[int, float | None] = {}
    for name, value in _tags(annotation) if numbers else ():
        number = numbers.get(label_of(name, value))
        if number is not None:
            found[number] = _number(value)
    return found


def _tags(owner: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and values, in any spelling of a tag (contract: project_format.md 3)."""
    tags = owner.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            yield name, tag.get("value") if isinstance(tag, dict) else None


def extent(thing: Thing) -> float:
    """The area that decides on the size of a thing: its pixels, or those of the box around its places."""
    if thing.area is not None:
        return float(thing.area.pixels)
    assert thing.places is not None
    columns, rows = zip(*thing.places.values(), strict=True)
    return float((max(columns) - min(columns) + 1) * (max(rows) - min(rows) + 1))
