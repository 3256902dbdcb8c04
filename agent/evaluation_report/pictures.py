"""Small pictures of images with what became of their objects. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from agent.evaluation.errors import Judgement
from agent.evaluation.plan import Plan
from agent.evaluation.reading import Thing, read_things
from agent.evaluation.verdicts import EXTRA, IGNORED, MATCHED, MISSED, MIXED_UP

LONGEST = 360  # pixels of the longer side
_QUALITY = 78
# As web_stub/assets/pure/evaluation/judged.js has them, blue first.
COLORS = {
    MATCHED: (94, 158, 29),
    MISSED: (49, 48, 214),
    EXTRA: (201, 103, 33),
    MIXED_UP: (209, 58, 184),
    IGNORED: (163, 149, 136),
}
_FILLED = 0.28  # of a colour over the pixels of an object


class Drawing(msgspec.Struct, frozen=True):
    """What is drawn on an image: `annotations` of the ground truth and of the predictions, `size` (width, height)."""

    plan: Plan
    size: tuple[int, int]
    annotations: tuple[dict[str, Any], dict[str, Any]]
    judgements: list[Judgement]


def judged_picture(data: bytes, drawing: Drawing) -> bytes | None:
    """The image as a small JPEG, its objects in the colours of their outcomes. None where it cannot be decoded.

    It decodes whatever image and masks somebody brought: call it where that may take any time and memory.
    """
    import cv2

    size = drawing.size
    picture = _decoded(data, size)
    if picture is None:
        return None
    scale = min(1.0, LONGEST / max(size))
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    sides = [
        {thing.object: thing for thing in read_things(drawing.plan, annotation, size, predicted=predicted).things}
        for annotation, predicted in zip(drawing.annotations, (False, True), strict=True)
    ]
    for judgement in drawing.judgements:
        color = COLORS[judgement.outcome]
        # A missed object is drawn itself, all others by their prediction.
        side, place = (sides[0], judgement.truth) if judgement.predicted is None else (sides[1], judgement.predicted)
        if place is not None and place in side:
            _draw(picture, side[place], size, color)
    encoded, out = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return out.tobytes() if encoded else None


def _decoded(data: bytes, size: tuple[int, int]) -> Any:
    """(h, w, 3) of the size, blue first: upright, or as it is stored where the size says so."""
    import cv2

    raw = np.frombuffer(data, np.uint8)
    for how in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        try:
            picture = cv2.imdecode(raw, how) if len(raw) else None
        except cv2.error:
            return None
        if picture is not None and picture.shape[:2] == size[::-1]:
            return picture
    return None


def _draw(picture: Any, thing: Thing, size: tuple[int, int], color: tuple[int, int, int]) -> None:
    import cv2

    height, width = picture.shape[:2]
    across, down = width / size[0], height / size[1]
    if thing.places is not None:
        for x, y in thing.places.values():
            cv2.circle(picture, (round(x * across), round(y * down)), 4, color, -1, cv2.LINE_AA)
        return
    area = thing.area
    assert area is not None  # a thing has an area or places
    left, top = round(area.left * across), round(area.top * down)
    right, bottom = max(left + 1, round(area.right * across)), max(top + 1, round(area.bottom * down))
    if area.on is None:
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), color, 2)
        return
    mask = cv2.resize(area.on.astype(np.uint8), (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    mask = mask[: height - top, : width - left]
    part = picture[top : top + mask.shape[0], left : left + mask.shape[1]]
    part[mask > 0] = ((1 - _FILLED) * part[mask > 0] + _FILLED * np.array(color)).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(part, outlines, -1, color, 2)
