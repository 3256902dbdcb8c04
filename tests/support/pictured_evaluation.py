"""A labelled project with pictures, predictions of two models for it, and their evaluations, made by rule."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

from PIL import Image as Picture
from PIL import ImageDraw

from agent.artifacts import Artifacts
from agent.domain import NewImage, NewProject, Project
from agent.evaluating.runner import compute
from agent.library.evaluations import EvaluationRequest, evaluate
from agent.store import Evaluation, Store

SIZE = (160, 120)
COLORS = {"apple": "#c62828", "pear": "#7cb342", "leaf": "#00695c"}
SHAPES = {"apple": "bitmap", "pear": "polygon", "leaf": "rectangle"}
CLASSES = [{"title": title, "shape": SHAPES[title], "color": COLORS[title]} for title in COLORS]
RIPENESS = ("ripe", "raw")
TRUTH_META = {"classes": CLASSES, "tags": [{"name": name, "value_type": "none"} for name in ("val", *RIPENESS)]}
PREDICTED_META = {
    "classes": CLASSES,
    "tags": [{"name": name, "value_type": "any_number"} for name in ("confidence", *RIPENESS)],
}
Json = dict[str, Any]
Box = tuple[int, int, int, int]  # left, top, right, bottom: corners included
PLACES: dict[str, Box] = {"apple": (12, 10, 61, 59), "pear": (80, 12, 129, 71), "leaf": (20, 76, 109, 111)}


def label(title: str, box: Box, confidence: float | None = None) -> Json:
    tags = [] if confidence is None else [{"name": "confidence", "value": confidence}]
    left, top, right, bottom = box
    if SHAPES[title] == "bitmap":
        mask = Picture.new("1", (right - left + 1, bottom - top + 1))
        ImageDraw.Draw(mask).ellipse((0, 0, right - left, bottom - top), fill=1)
        out = io.BytesIO()
        mask.save(out, "PNG")
        data = base64.b64encode(zlib.compress(out.getvalue())).decode()
        return {"classTitle": title, "tags": tags, "bitmap": {"origin": [left, top], "data": data}}
    corners = [[left, top], [right, bottom]]
    ring = [[left, top], [right, top], [right, bottom], [left, bottom]]
    points = {"exterior": corners if SHAPES[title] == "rectangle" else ring, "interior": []}
    return {"classTitle": title, "tags": tags, "points": points}


def picture(number: int) -> bytes:
    image = Picture.new("RGB", SIZE, (70 + 5 * (number % 12), 90, 80))
    draw = ImageDraw.Draw(image)
    draw.ellipse(PLACES["apple"], fill=(200, 60, 50))
    draw.rectangle(PLACES["pear"], fill=(150, 190, 80))
    draw.rectangle(PLACES["leaf"], fill=(20, 120, 90))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _moved(box: Box, by: int) -> Box:
    left, top, right, bottom = box
    return left + by, top + by // 2, right + by, bottom + by // 2


def _predicted(number: int, skill: int) -> list[Json]:
    """Each fourth image is right; else an apple is missed, or taken for a pear, or something is found twice.

    With more skill, only each eighth image has one of these errors, and places are nearer.
    """
    kind = number % 4 if skill == 0 or number % 8 < 4 else 0
    sure = round(0.95 - 0.012 * (number % 40), 3)
    shift = (number % 6) * (2 - skill)
    apple, pear, leaf = (PLACES[title] for title in COLORS)
    found = [label("leaf", _moved(leaf, shift), sure)]
    if kind != 3:
        found.append(label("pear", _moved(pear, shift // 2), round(sure - 0.2, 3)))
    if kind == 0:
        found.append(label("apple", _moved(apple, shift), sure))
    if kind == 2:
        found.append(label("pear", apple, round(sure - 0.1, 3)))
    if kind == 3:
        found += [label("apple", apple, sure), label("apple", (130, 84, 157, 111), round(sure - 0.5, 3))]
    return found


def _annotation(objects: list[Json], tags: list[Json]) -> str:
    size = {"width": SIZE[0], "height": SIZE[1]}
    return json.dumps({"description": "", "size": size, "tags": tags, "objects": objects})


def _project(store: Store, name: str, meta: Json, images: list[NewImage]) -> Project:
    half = (len(images) + 1) // 2
    datasets = [("north", images[:half]), ("south", images[half:])]
    return store.projects.add(NewProject(name, "", meta, "", datasets, None))


def orchard(store: Store, artifacts: Artifacts, images: int = 16) -> tuple[Project, Project, Project]:
    """The labelled project, and the predictions of a poor and of a better model for it."""
    blobs = [artifacts.put_bytes(picture(number)) for number in range(min(images, 12))]

    def made(name: str, meta: Json, texts: list[str]) -> Project:
        given = [
            NewImage(f"{at:05}.png", (blob := blobs[at % len(blobs)]).sha256, blob.size_bytes, *SIZE, "image/png", text)
            for at, text in enumerate(texts)
        ]
        return _project(store, name, meta, given)

    def tags(number: int, skill: int | None) -> list[Json]:
        names = RIPENESS if number % 3 else RIPENESS[::-1]
        if skill is None:
            return [{"name": names[0]}, *([{"name": "val"}] if number % 4 == 0 else [])]
        sure = 0.55 + 0.4 * (number % 7) / 7
        is_right = number % 5 > 1 - skill
        return [{"name": name, "value": sure if (name == names[0]) == is_right else 1 - sure} for name in names]

    truth = [label(title, box) for title, box in PLACES.items()]
    return (
        made("orchard", TRUTH_META, [_annotation(truth, tags(at, None)) for at in range(images)]),
        made("guesses", PREDICTED_META, [_annotation(_predicted(at, 0), tags(at, 0)) for at in range(images)]),
        made("better guesses", PREDICTED_META, [_annotation(_predicted(at, 1), tags(at, 1)) for at in range(images)]),
    )


def evaluated(store: Store, truth: Project, predictions: Project) -> Evaluation:
    asked = evaluate(store, EvaluationRequest(truth=truth.id, predictions=predictions.id))
    done = compute(store, asked.id)
    assert done is not None
    return done
