"""pycocotools' figures of COCO data sets, each a line of JSON: `{"images", "categories", "annotations", "detections",
"kind"}`.

The answer has its arrays `precision` (thresholds, recalls, classes, sizes, detections) and `recall`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def indexed(content: dict[str, Any], annotations: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = {"images": content["images"], "categories": content["categories"], "annotations": annotations}
    for label in annotations:
        if "rle" in label:
            label["segmentation"] = masks.frPyObjects(label["rle"], *label["rle"]["size"])
    coco.createIndex()
    return coco


def figures(content: dict[str, Any]) -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = indexed(content, content["annotations"]), indexed(content, content["detections"])
        judge = COCOeval(truth, found, content["kind"])
        if content["kind"] == "keypoints":
            judge.params.kpt_oks_sigmas = np.array(content["sigmas"])
        judge.evaluate()
        judge.accumulate()
    return {name: judge.eval[name].tolist() for name in ("precision", "recall")}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(figures(json.loads(line))), flush=True)
