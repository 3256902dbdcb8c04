"""Annotation files: every problem of them. Pure.

Contract: project_format.md 3. What is refused here cannot be read by `supervisely_lib` either, and the other way round,
but for an image of another size than the annotation says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import Problem
from agent.formats.json_errors import NotJson
from agent.formats.json_text import parse
from agent.formats.meta import Meta, Tag, brief_value
from agent.formats.shapes import geometry_problems

_EMPTY: tuple[object, ...] = ("", {})  # written by some programs for an empty list


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of an image as plugins get it; `is_turned` by a mark of the camera, so stored the other way round."""

    width: int
    height: int
    is_turned: bool = False


def annotation_problems(data: bytes, meta: Meta, file: str, frame: Frame | None = None) -> list[Problem]:
    """Every problem of one annotation file. `frame` is that of its image, where known."""
    try:
        value = parse(data)
    except NotJson as error:
        return [error.problem(file)]
    if not isinstance(value, dict):
        return [Problem(file, "", "is not a JSON object.", 'Write {"size": ..., "tags": [], "objects": []}.')]
    if isinstance(value.get("annotation"), dict) and "size" not in value:
        return [Problem(file, "", "is an answer of the API.", "Keep only the value of its key annotation.")]
    problems = _size_problems(value.get("size"), file, frame)
    problems += _tag_problems(value, "tags", meta, file)
    objects = value.get("objects")
    if objects in _EMPTY:
        objects = []
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
            sentence = f"class {brief_value(title)} is not in meta.json."
            problems.append(Problem(file, f"{place}.classTitle", sentence, "Add it there or rename it here."))
        else:
            problems += geometry_problems(label, title, meta, file, place)
        problems += _tag_problems(label, f"{place}.tags", meta, file)
    return problems


def _size_problems(value: object, file: str, frame: Frame | None) -> list[Problem]:
    if not isinstance(value, dict):
        return [Problem(file, "size", "is missing or not an object.", 'Write {"height": H, "width": W}.')]
    problems = [
        Problem(file, f"size.{key}", f"{brief_value(value.get(key))} is not a whole number above 0.")
        for key in ("height", "width")
        if isinstance(value.get(key), bool) or not isinstance(value.get(key), int | float) or value[key] < 1
    ]
    if problems or frame is None:
        return problems
    width, height = int(value["width"]), int(value["height"])
    if (width, height) != (frame.width, frame.height):
        sentence = f"is {width}×{height} but the image is {frame.width}×{frame.height} (width×height)."
        problems.append(Problem(file, "size", sentence, _size_remedy(width, height, frame)))
    return problems


def _size_remedy(width: int, height: int, frame: Frame) -> str:
    if (width, height) != (frame.height, frame.width):
        return "Write the image's size, and check that the labels were drawn on this image."
    if frame.is_turned:
        return "A mark of the camera turns the image. Save it without the mark, or draw the labels on the turned image."
    return "The sides are swapped: write the height as height and the width as width."


def _tag_problems(owner: Mapping[str, Any], place: str, meta: Meta, file: str) -> list[Problem]:
    tags = owner.get("tags")
    if tags in _EMPTY:
        return []
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
            sentence = f"tag {brief_value(name)} is not in meta.json."
            problems.append(Problem(file, f"{place}[{index}]", sentence, "Add it there or remove it here."))
        elif not _fits(value, meta.tags[name]):
            kind = meta.tags[name].value_type
            sentence = f"value {brief_value(value)} does not fit tag {brief_value(name)} of type {kind}."
            problems.append(Problem(file, f"{place}[{index}].value", sentence))
    return problems


def _fits(value: object, tag: Tag) -> bool:
    match tag.value_type:
        case "none":
            return value is None
        case "any_number":
            return isinstance(value, int | float)
        case "any_string":
            return isinstance(value, str)
        case "oneof_string":
            return value in tag.values
        case _:  # types already reported
            return True
