"""A small drawn project to try a plugin on: discs, squares and triangles on uneven ground, tagged `train` and `val`.

Image i depends on the kind, the seed and i alone, so a longer project begins with the images of a shorter one.
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agent.errors import BadInput, Conflict, StorageFailed
from agent.fs.names import brief, name_problem
from agent.fs.refusals import reason_of, remedy_for

SIDE = 96  # pixels of an image's shorter side
IMAGES = 24
VAL_EVERY = 4  # every fourth image is for validation
COLORS = {"disc": "#D63031", "square": "#0984E3", "triangle": "#FDCB6E"}
SHAPES = {"disc": "polygon", "square": "rectangle", "triangle": "polygon"}
TAGS = {"train": "#00B894", "val": "#6C5CE7"}


@dataclass(frozen=True, slots=True)
class Thing:
    """A drawn object: its class and the corners (x, y) of its outline, in pixels."""

    name: str
    corners: tuple[tuple[int, int], ...]

    @property
    def box(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The first and the last pixel, left top and right bottom."""
        across, down = zip(*self.corners, strict=True)
        return (min(across), min(down)), (max(across), max(down))


def write_sample(folder: Path, kind: str, *, images: int = IMAGES, seed: int = 0) -> Path:
    """Draw a project for plugins of a kind into a new folder; give the folder.

    Raises BadInput, Conflict where the folder is there already, StorageFailed. Nothing half-written stays.
    """
    if images < VAL_EVERY:
        raise BadInput(f"a sample has at least {VAL_EVERY} images: one of them is for validation")
    if sentence := name_problem(folder.name):
        raise BadInput(f"the name {brief(folder.name)!r} {sentence}; write one such as sample")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise Conflict(f"{brief(str(folder))} exists already; choose another name, or remove it") from None
    except OSError as error:
        raise StorageFailed(f"cannot make {brief(str(folder))}: {reason_of(error)}. {remedy_for(error)}") from error
    try:
        _write(folder, kind, images, seed)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StorageFailed(f"cannot write {brief(str(folder))}: {reason_of(error)}. {remedy_for(error)}") from error
    return folder


def _write(folder: Path, kind: str, images: int, seed: int) -> None:
    (folder / "meta.json").write_bytes(orjson.dumps(meta_of(kind)))
    for part in ("img", "ann"):
        (folder / "shapes" / part).mkdir(parents=True)
    for index in range(images):
        rng = random.Random(f"{kind}/{seed}/{index}")  # noqa: S311 - pictures, no secrets
        size = (SIDE + rng.randrange(24), SIDE)
        things = _things(rng, kind, size, index)
        name = f"shapes_{index:03}.png"
        _picture(rng, size, things).save(folder / "shapes" / "img" / name)
        text = orjson.dumps(annotation_of(kind, size, things, "val" if index % VAL_EVERY == 1 else "train"))
        (folder / "shapes" / "ann" / f"{name}.json").write_bytes(text)


def meta_of(kind: str) -> dict[str, Any]:
    """meta.json: rectangles for detectors, tags for classifiers, outlines else."""
    shapes: Mapping[str, str] = dict.fromkeys(SHAPES, "rectangle") if kind == "detection" else SHAPES
    titles = () if kind == "classification" else tuple(shapes)
    tags = dict(TAGS) | (COLORS if kind == "classification" else {})
    return {
        "classes": [
            {"title": title, "shape": shapes[title], "color": COLORS[title], "geometry_config": {}} for title in titles
        ],
        "tags": [{"name": name, "value_type": "none", "color": color} for name, color in tags.items()],
    }


def annotation_of(kind: str, size: tuple[int, int], things: Sequence[Thing], purpose: str) -> dict[str, Any]:
    """The annotation of an image of `size` (width, height)."""
    tags = [{"name": purpose}, *({"name": thing.name} for thing in things if kind == "classification")]
    return {
        "description": "",
        "size": {"height": size[1], "width": size[0]},
        "tags": tags,
        "objects": [] if kind == "classification" else [_object(kind, thing) for thing in things],
    }


def _object(kind: str, thing: Thing) -> dict[str, Any]:
    is_box = kind == "detection" or SHAPES[thing.name] == "rectangle"
    return {
        "classTitle": thing.name,
        "description": "",
        "tags": [],
        "points": {"exterior": [list(corner) for corner in (thing.box if is_box else thing.corners)], "interior": []},
    }


def _things(rng: random.Random, kind: str, size: tuple[int, int], index: int) -> list[Thing]:
    """One to three objects that do not touch; one for classifiers. All classes occur in both parts of the project."""
    names = list(COLORS)
    names = [names[(index // VAL_EVERY + index) % len(names)], *rng.sample(names, rng.randrange(3))]
    placed: list[tuple[float, float, float]] = []
    things = []
    for name in names[: 1 if kind == "classification" else None]:
        for _ in range(40):
            radius = rng.uniform(0.12, 0.2) * SIDE
            x, y = (rng.uniform(radius + 2, side - radius - 2) for side in size)
            if all(math.hypot(x - a, y - b) > radius + r + 3 for a, b, r in placed):
                placed.append((x, y, radius))
                things.append(Thing(name, tuple(_corners(name, x, y, radius, rng.uniform(0, math.tau)))))
                break
    return things


def _corners(name: str, x: float, y: float, radius: float, turn: float) -> Iterator[tuple[int, int]]:
    if name == "square":  # as large as the box around it
        side = radius * 0.8
        yield from ((round(x + a * side), round(y + b * side)) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
        return
    count = 3 if name == "triangle" else 24
    for corner in range(count):
        angle = turn + math.tau * corner / count
        yield round(x + radius * math.cos(angle)), round(y + radius * math.sin(angle))


def _picture(rng: random.Random, size: tuple[int, int], things: Sequence[Thing]) -> Any:
    from PIL import Image, ImageColor, ImageDraw, ImageFilter  # late: only this command draws

    noise = Image.frombytes("L", (12, 12), bytes(rng.randrange(256) for _ in range(144)))
    ground = [tuple(rng.randrange(60, 200) for _ in range(3)) for _ in range(2)]
    low, high = (Image.new("RGB", size, color) for color in ground)
    picture = Image.composite(low, high, noise.resize(size, Image.Resampling.BICUBIC))
    draw = ImageDraw.Draw(picture)
    for thing in things:
        shade = rng.uniform(0.75, 1.1)
        color = tuple(min(255, int(part * shade)) for part in ImageColor.getrgb(COLORS[thing.name]))
        draw.polygon(thing.corners, fill=color)
    return picture.filter(ImageFilter.GaussianBlur(0.6))
