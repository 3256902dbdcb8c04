"""The viewer counts the pixels of a polygon as a plugin draws them: its raster beside OpenCV, on random polygons."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

RASTER = Path(__file__).parents[3] / "web_stub/assets/pure/raster.js"
SCRIPT = """
import { readFileSync } from "node:fs";
const { addPolygon } = await import(process.argv[1]);
const drawn = JSON.parse(readFileSync(0, "utf8")).map(({ width, height, rings }) => {
  const window = { on: new Uint8Array(width * height), x: 0, y: 0, width, height };
  addPolygon(window, rings, { width, height });
  return window.on.join("");
});
console.log(JSON.stringify(drawn));
"""


def node() -> str:
    found = shutil.which("node")
    if found is None:
        reason = "no node: install Node 18 or newer"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def polygon(chance: random.Random, margin: int) -> dict[str, Any]:
    """A polygon with up to three holes, whose points lie up to `margin` pixels outside of a small image."""
    width, height = chance.randint(1, 40), chance.randint(1, 40)

    def ring(points: int) -> list[list[int]]:
        sides = (width, height)
        return [[chance.randint(-margin, side - 1 + margin) for side in sides] for _ in range(points)]

    holes = [ring(chance.randint(1, 6)) for _ in range(chance.randint(0, 3))]
    return {"width": width, "height": height, "rings": [ring(chance.randint(3, 9)), *holes]}


def by_opencv(wanted: dict[str, Any]) -> str:
    """The pixels as `supervisely_lib` and the official SDK draw them: the outer ring, then the holes taken away."""
    canvas = np.zeros((wanted["height"], wanted["width"]), np.uint8)
    outer, *holes = [np.array(ring, np.int32) for ring in wanted["rings"]]
    cv2.fillPoly(canvas, [outer], 1)
    if holes:
        cv2.fillPoly(canvas, holes, 0)
    return "".join(map(str, canvas.ravel().tolist()))


@pytest.mark.parametrize("margin", [0, 1, 9, 3000])
def test_a_polygon_has_the_pixels_that_opencv_fills(margin: int) -> None:
    chance = random.Random(margin)
    wanted = [polygon(chance, margin) for _ in range(1000)]
    done = subprocess.run(
        [node(), "--input-type=module", "--eval", SCRIPT, RASTER.as_uri()],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    wrong = [one for one, drawn in zip(wanted, json.loads(done.stdout), strict=True) if drawn != by_opencv(one)]
    assert not wrong, min(wrong, key=lambda one: len(str(one)))
