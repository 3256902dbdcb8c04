"""pycocotools on the images of the benchmark `evaluation`: its seconds and figures, as JSON.

`python -m benchmarks._coco_judge IMAGES KIND`, in the environment of pycocotools. What is measured begins with the
labels in memory, masks as run lengths, and ends with the figures.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from typing import Any

from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks._judged_images import CLASSES, HEIGHT, WIDTH, Thing, ellipse, scene


def label(thing: Thing, image: int, kind: str, runs: dict[tuple[int, int], list[tuple[int, int]]]) -> dict[str, Any]:
    """A label of COCO. `runs`: of ellipses that were met before, the first pixel and the length of each column."""
    left, top, width, height = thing[1:5]
    box = {"image_id": image, "category_id": thing.number + 1, "bbox": [left, top, width, height], "iscrowd": 0}
    if kind == "bbox":
        return {**box, "area": width * height}
    if (width, height) not in runs:
        columns = ellipse(width, height).T
        runs[width, height] = [(int(column.argmax()), int(column.sum())) for column in columns]
    counts, at = [], 0
    for column, (first, length) in enumerate(runs[width, height]):
        start = (left + column) * HEIGHT + top + first
        if length:
            counts += [start - at, length]
            at = start + length
    run_lengths = {"size": [HEIGHT, WIDTH], "counts": [*counts, WIDTH * HEIGHT - at]}
    encoded = masks.frPyObjects(run_lengths, HEIGHT, WIDTH)
    return {**box, "segmentation": encoded, "area": int(masks.area(encoded))}


def main(images: int, kind: str) -> None:
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    runs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for image in range(images):
        true, predicted = scene(image)
        truth += [label(thing, image, kind, runs) for thing in true]
        found += [label(thing, image, kind, runs) | {"score": thing.confidence} for thing in predicted]
    sides = []
    for labels in (truth, found):
        numbered = [{**one, "id": at} for at, one in enumerate(labels, start=1)]
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image, "width": WIDTH, "height": HEIGHT} for image in range(images)],
            "categories": [{"id": at + 1, "name": title} for at, title in enumerate(CLASSES)],
            "annotations": numbered,
        }
        sides.append(coco)
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        for coco in sides:
            coco.createIndex()
        judge = COCOeval(*sides, kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    print(json.dumps({"seconds": time.perf_counter() - started, "stats": judge.stats.tolist()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
