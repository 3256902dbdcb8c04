"""TIDE's errors of COCO data sets, each a line of JSON, as `oracle_coco.py` reads them; `wheel`: the file of tidecv.

The answer has, by the short name of each kind, how many errors there are (`count`) and what average precision would
gain without them (`cost`), both at an overlap of 0.5.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from typing import Any
from unittest.mock import MagicMock

from pycocotools import mask as masks

DRAWING = ("cv2", "appdirs", "matplotlib", "matplotlib.pyplot", "tidecv.plotting")  # of which nothing is asked here
POSITIVE, BACKGROUND = 0.5, 0.1
EVERY = 10**9  # predictions of an image


def figures(content: dict[str, Any]) -> dict[str, Any]:
    from tidecv import TIDE, Data
    from tidecv.quantify import TIDERun

    truth, found = Data("truth"), Data("found")
    for side, labels in ((truth, content["annotations"]), (found, content["detections"])):
        for image in content["images"]:
            side.add_image(image["id"], str(image["id"]))
        for category in content["categories"]:
            side.add_class(category["id"], category["name"])
        for label in labels:
            rle = masks.frPyObjects(label["rle"], *label["rle"]["size"]) if "rle" in label else None
            where = {"box": label["bbox"], "mask": rle}
            if side is truth:
                side.add_ground_truth(label["image_id"], label["category_id"], **where)
            else:
                side.add_detection(label["image_id"], label["category_id"], label["score"], **where)
    mode = TIDE.BOX if content["kind"] == "bbox" else TIDE.MASK
    run = TIDERun(truth, found, POSITIVE, BACKGROUND, mode, EVERY)
    kinds = {kind.short_name: kind for kind in TIDE._error_types}
    costs = {name: run.fix_errors(lambda error, kind=kind: isinstance(error, kind)) for name, kind in kinds.items()}
    return {
        "count": {name: len(run.error_dict[kind]) for name, kind in kinds.items()},
        "cost": {name: (fixed.get_mAP() - run.ap) / 100 for name, fixed in costs.items()},
    }


if __name__ == "__main__":
    sys.modules.update({name: MagicMock() for name in DRAWING})
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for line in sys.stdin:
            question = json.loads(line)
            zipfile.ZipFile(question["wheel"]).extractall(folder)  # of a zip, Python would not find all of its modules
            print(json.dumps(figures(question)), flush=True)
