"""Functions that the SDK got, or plugins began to use, after 2019: the same experiments on either SDK.

`python oracle_later.py supervisely < cases.json > results.json` in the environment of the official package, or
`supervisely_lib` for ours with the same versions of OpenCV and numpy.
"""

from __future__ import annotations

import builtins
import importlib
import json
import operator
import random
import sys
from typing import Any

import numpy as np

from tests.interop import oracle_nn
from tests.interop.oracle_data import packed

INFO = ("shape", "geometryType", "customBigData", "id", "classId", "labelerLogin", "createdAt", "updatedAt")


class Experiments:
    """The functions that cases name, on one SDK."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.sly = importlib.import_module(root)

    def module(self, name: str) -> Any:
        return importlib.import_module(f"{self.root}.{name}")

    def annotation(self, meta: Any, data: Any) -> Any:
        return self.sly.Annotation.from_json(data, self.sly.ProjectMeta.from_json(meta))

    def aug(self, meta: Any, data: Any, function: str, arguments: dict[str, Any], seed: int) -> Any:
        """A function of `aug` on a random image; the state of `random` afterwards shows what it has drawn."""
        ann = self.annotation(meta, data)
        image = np.random.RandomState(seed).randint(0, 255, (*ann.img_size, 3)).astype(np.uint8)
        random.seed(seed)
        called = getattr(self.module("aug.aug"), function)
        found = called([(image, ann)], **arguments) if "batch" in function else called(image, ann, **arguments)
        pairs = found if isinstance(found, list) else [found]
        return [[packed(img), plain(ann.to_json())] for img, ann in pairs], random.random()

    def transform(self, meta: Any, data: Any, function: str, arguments: dict[str, Any]) -> Any:
        """A function of `annotation_transforms`."""
        classes = self.sly.ProjectMeta.from_json(meta).obj_classes
        known = {"method_id": self.sly.geometry.bitmap.SkeletonizeMethod.SKELETONIZE} if "skeleton" in function else {}
        if "bg_class" in arguments:
            known["bg_class"] = classes.get(arguments["bg_class"])
        if "classes_mapping" in arguments:
            known["classes_mapping"] = {old: classes.get(new) for old, new in arguments["classes_mapping"].items()}
        if "bitwise_op" in arguments:
            known["bitwise_op"] = getattr(np, arguments["bitwise_op"])
        transforms = self.module("annotation.annotation_transforms")
        ann = getattr(transforms, function)(self.annotation(meta, data), **{**arguments, **known})
        return plain(ann.to_json())

    def labels_of_mask(self, seed: int, values: list[int], known: list[int]) -> Any:
        """extract_labels_from_mask on a random mask of these values."""
        for name in ("int", "bool"):  # the official function uses names that numpy has dropped
            if name not in np.__dict__:
                setattr(np, name, getattr(builtins, name))
        mask = np.random.RandomState(seed).choice(values, (9, 13)).astype(np.uint8)
        classes = {value: self.sly.ObjClass(f"c{value}", self.sly.Bitmap, [0, 0, value]) for value in known}
        found = self.module("annotation.annotation_transforms").extract_labels_from_mask(mask, classes)
        return [plain(label.to_json()) for label in found]

    def statistics(self, meta: Any, data: Any, side: int) -> Any:
        """Areas, counts and sides of an annotation's labels."""
        ann = self.annotation(meta, data)
        classes = self.sly.ProjectMeta.from_json(meta).obj_classes
        canvas = np.zeros((*ann.img_size, 3), np.uint8)
        ann.draw(canvas)
        areas = self.sly.Annotation.stat_area(canvas, classes.keys(), [item.color for item in classes])
        few = ann.filter_labels_by_min_side(side)
        some = ann.filter_labels_by_min_side(side, operator.gt, classes.keys()[:3])
        return [
            {name: float(value) for name, value in areas.items()},
            ann.stat_class_count(classes.keys()),
            [label.obj_class.name for label in few.labels],
            [label.obj_class.name for label in some.labels],
        ]

    def serve(self, meta: Any, data: Any, model: Any, mode: Any, channels: int, seed: int, request: str) -> Any:
        """The answer of the servicer behind a plugin's REST server."""
        sdk = oracle_nn.ours() if self.root == "supervisely_lib" else oracle_nn.official()
        fake = oracle_nn.FakeModel(sdk, self.sly.ProjectMeta.from_json(model), ["boxes", "tags"])
        servicer = self.module("worker_api.rpc_servicer").InactiveRPCServicer(self.sly.logger, fake, {}, None)
        image = np.random.RandomState(seed).randint(0, 255, (24, 31, channels)).astype(np.uint8)
        message = {"request_type": request, "image_arr": image, "annotation": data, "meta": meta, "mode": mode}
        answer = servicer._final_processing(message)
        return oracle_nn._plain_meta(answer["out_meta"]) if "out_meta" in answer else plain(answer)

    def small(self) -> Any:
        """Small functions."""
        utils, image = self.module("_utils"), self.module("imaging.image")
        pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
        rectangles = [(0, 0, 4, 6), (-3, 2, 2, 9), (3, -2, 7, 1), (1, 1, 2, 2), (4, 6, 9, 9)]
        windows = self.module("geometry.sliding_windows_fuzzy").SlidingWindowsFuzzy
        return {
            "free": [
                utils.generate_free_name({"a", "a_01"}, "a"),
                utils.generate_free_name({"a.png"}, "a.png", with_ext=True),
                utils.generate_free_name(set(), "b"),
            ],
            "snake": [utils.camel_to_snake(name) for name in ("ImgTag", "HTTPServer", "a", "someX1Y")],
            "editions": [self.sly.ENTERPRISE, self.sly.COMMUNITY],
            "types": [str(item) for item in self.sly.ProjectType][:4],
            "crops": [packed(image.crop_with_padding(pixels, self.sly.Rectangle(*box))) for box in rectangles],
            "flat": self.module("io.json").flatten_json({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}),
            "keys": self.module("io.json").modify_keys({"a": 1}, prefix="x_", suffix="_y"),
            "windows": [[box.top, box.left, box.bottom, box.right] for box in windows((4, 5), (1, 2)).get((9, 11))],
            "paths": [getattr(self.module("task.paths"), name) for name in ("CODE", "TMP", "TASK_SHARED", "RESULTS")],
        }


def plain(value: Any) -> Any:
    """JSON without the keys that the SDKs write differently, which other tests compare."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in INFO}
    return [plain(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    experiments = Experiments(sys.argv[1])
    results = []
    for case in json.load(sys.stdin):
        arguments = {key: value for key, value in case.items() if key != "do"}
        try:
            results.append({"ok": getattr(experiments, case["do"])(**arguments)})
        except Exception as e:
            results.append({"error": f"{type(e).__name__}: {e}"})
    print(json.dumps(results))
