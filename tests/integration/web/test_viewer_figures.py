"""The overlaps that the viewer shows are those of the evaluation: both count the same labels, class by class."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.evaluation.areas import Area
from agent.evaluation.counting import Item, count_images
from agent.evaluation.plan import Plan
from agent.evaluation.planning import make_plan
from agent.evaluation.reading import Thing, read_things
from tests.integration.web.test_viewer_pixels import node
from tests.support.judged_projects import CLASSES, SIZE, generated, meta

OVERLAP = Path(__file__).parents[3] / "web_stub/assets/pure/overlap.js"
SCRIPT = """
import { readFileSync } from "node:fs";
const { Agreement } = await import(process.argv[1]);
const { size, pairs } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(pairs.map(([truth, predicted]) => new Agreement(size).add(truth, predicted))));
"""


def shown(label: dict[str, Any], thing: Thing) -> dict[str, Any]:
    """The area of a label as the viewer has it: a polygon by its points, anything else by its pixels."""
    area = thing.area
    assert area is not None
    box = list(area[:4])
    if "bitmap" in label:
        return {"box": box, "mask": window(area)}
    return {"box": box, "polygons": [[label["points"]["exterior"]]]}


def window(area: Area) -> dict[str, Any]:
    assert area.on is not None
    height, width = area.on.shape
    on = area.on.astype(int).ravel().tolist()
    return {"on": on, "x": area.left, "y": area.top, "width": width, "height": height}


def sides(plan: Plan, item: Item, number: int) -> list[list[dict[str, Any]]]:
    """The areas of a class on both sides."""
    return [
        [
            shown(label["objects"][thing.object], thing)
            for thing in read_things(plan, label, item.size, predicted=is_predicted).things
            if thing.number == number
        ]
        for is_predicted, label in ((False, item.truth), (True, item.predicted))
    ]


@pytest.mark.parametrize("shape", ["bitmap", "polygon"])
def test_the_viewer_and_the_evaluation_count_the_same_overlaps(shape: str) -> None:
    titles = meta(shape)
    plan = make_plan(titles, titles)
    items = generated(8, shape, 40)
    cases = [(item, number) for item in items for number in range(len(CLASSES))]
    done = subprocess.run(
        [node(), "--input-type=module", "--eval", SCRIPT, OVERLAP.as_uri()],
        input=json.dumps(
            {
                "size": {"width": SIZE[0], "height": SIZE[1]},
                "pairs": [sides(plan, item, number) for item, number in cases],
            }
        ),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    table = count_images(plan, items).pixels
    rows = {(row["image"], row["class"]): [int(row[name]) for name in ("truth", "predicted", "both")] for row in table}
    compared = 0
    for (item, number), drawn in zip(cases, json.loads(done.stdout), strict=True):
        mine = rows.get((item.image, number), [0, 0, 0])
        assert mine == [drawn["truth"], drawn["predicted"], drawn["both"]]
        compared += drawn["both"] > 0
    assert compared > 30
