"""The same small experiments on either SDK: `python oracle_nn.py < cases.json > results.json`.

Runs inside the environment of the official package, and in-process on ours. A case is
`{"do": <function below>, ...arguments}`; a result is `{"ok": value}` or `{"error": exception name}`.
"""

from __future__ import annotations

import importlib
import json
import sys
import zlib
from typing import Any

import numpy as np


class Sdk:
    """The modules of one SDK by their short names."""

    def __init__(self, root: str, nn: str) -> None:
        self._root, self._nn = root, nn

    def module(self, name: str) -> Any:
        return importlib.import_module(f"{self._root}.{name}")

    def nn(self, name: str) -> Any:
        return importlib.import_module(f"{self._nn}.{name}")

    @property
    def sly(self) -> Any:
        return importlib.import_module(self._root)


def ours() -> Sdk:
    return Sdk("supervisely_lib", "supervisely_lib.nn")


def official() -> Sdk:
    """The official package, with the two repairs without which its legacy modes do not run."""
    import collections
    import collections.abc

    collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]  # gone since Python 3.10
    from supervisely.nn.legacy.config import MultiTypeValidator

    # The wheel lacks the JSON schemas of the modes.
    MultiTypeValidator.__init__ = lambda self, path: None
    MultiTypeValidator.val = lambda self, name, obj: None
    return Sdk("supervisely", "supervisely.nn.legacy")


class FakeModel:
    """A model whose results depend on the pixels of its input only."""

    def __init__(self, sdk: Sdk, meta: Any, finds: list[str]) -> None:
        self._sdk, self.model_out_meta, self._finds = sdk, meta, finds

    def get_out_meta(self) -> Any:
        return self.model_out_meta

    def inference_image_file(self, path: str, ann: Any) -> Any:
        return self.inference(self._sdk.sly.image.read(path), ann)

    def inference(self, img: np.ndarray, ann: Any) -> Any:
        random = np.random.RandomState(zlib.crc32(np.ascontiguousarray(img).tobytes()))
        assert tuple(ann.img_size) == img.shape[:2]
        labels, scores, tags = [], [], []
        for what in self._finds:
            if what == "boxes":
                labels += self._boxes(random, img.shape)
            elif what == "masks":
                labels += self._masks(random, img.shape)
            elif what == "scores":
                scores += self._scores(random, img.shape)
            elif what == "tags":
                tags += self._tags(random)
            elif what == "echo":
                labels += list(ann.labels)
        return self._sdk.sly.Annotation(
            img_size=img.shape[:2], labels=labels, img_tags=self._collection(tags), pixelwise_scores_labels=scores
        )

    def _collection(self, tags: list[Any]) -> Any:
        return self._sdk.module("annotation.tag_collection").TagCollection(tags)

    def _classes(self, shape: str) -> list[Any]:
        return [c for c in self.model_out_meta.obj_classes if c.geometry_type.geometry_name() == shape]

    def _metas(self, value_type: str) -> list[Any]:
        return [meta for meta in self.model_out_meta.tag_metas if meta.value_type == value_type]

    def _tags(self, random: Any) -> list[Any]:
        numbers = [self._sdk.sly.Tag(m, value=round(float(random.rand()), 4)) for m in self._metas("any_number")]
        return numbers + [self._sdk.sly.Tag(m) for m in self._metas("none") if random.rand() < 0.5]

    def _boxes(self, random: Any, shape: tuple[int, ...]) -> list[Any]:
        labels = []
        for obj_class in self._classes("rectangle"):
            for _ in range(random.randint(1, 6)):
                rows = sorted(random.randint(-2, shape[0] + 2, size=2).tolist())
                cols = sorted(random.randint(-2, shape[1] + 2, size=2).tolist())
                box = self._sdk.sly.Rectangle(rows[0], cols[0], rows[1], cols[1])
                labels.append(self._sdk.sly.Label(box, obj_class, tags=self._collection(self._tags(random))))
        return labels

    def _masks(self, random: Any, shape: tuple[int, ...]) -> list[Any]:
        labels = []
        for obj_class in self._classes("bitmap"):
            mask = random.rand(shape[0], shape[1]) < 0.2
            if mask.any():
                bitmap = self._sdk.sly.Bitmap(mask)
                labels.append(self._sdk.sly.Label(bitmap, obj_class, tags=self._collection(self._tags(random))))
        return labels

    def _scores(self, random: Any, shape: tuple[int, ...]) -> list[Any]:
        classes = self._classes("bitmap")
        scores = random.rand(shape[0], shape[1], len(classes)) + 0.01
        convert = self._sdk.nn("raw_to_labels").segmentation_scores_to_per_class_labels
        return list(convert(dict(enumerate(classes)), scores))


def mode(sdk: Sdk, meta: Any, ann: Any, size: Any, model: Any, finds: Any, task: Any, default: Any, seed: int) -> Any:
    """Effective config, output meta and annotation of one image; `default` is [mode name, suffix]."""
    modes = sdk.nn("hosted.inference_modes")
    meta_type = sdk.module("project.project_meta").ProjectMeta
    image = np.random.RandomState(seed).randint(0, 256, size=(*size, 3)).astype(np.uint8)
    defaults = modes.InferenceModeFactory.mapping[default[0]].make_default_config(default[1])
    config = modes.get_effective_inference_mode_config(task, defaults)
    fake = FakeModel(sdk, meta_type.from_json(model), finds)
    chosen = modes.InferenceModeFactory.create(config, meta_type.from_json(meta), fake)
    result = chosen.infer_annotate(image, sdk.sly.Annotation.from_json(ann, chosen.out_meta))
    out_meta = _plain_meta(chosen.out_meta.to_json())
    for item in out_meta["classes"]:
        if item[0] == config.get("class_name"):
            item[2] = "any"  # the class of saved regions gets a random color
    return {
        "config": config,
        "meta": out_meta,
        "ann": _plain_annotation(result.to_json()),
        "scores": [
            [label.obj_class.name, np.asarray(label.geometry.data).round(9).tolist()]
            for label in sorted(result.pixelwise_scores_labels, key=lambda item: item.obj_class.name)
        ],
    }


def nms(sdk: Sdk, boxes: Any, threshold: float) -> Any:
    """Which of [class index, top, left, bottom, right, confidence] survive, in the order given back."""
    sly, detection = sdk.sly, sdk.nn("hosted.inference_modes").InfModeSlidingWindowDetection
    meta = sly.TagMeta("confidence", sly.TagValueType.ANY_NUMBER)
    classes = [sly.ObjClass(f"c{index}", sly.Rectangle) for index in range(3)]
    labels = [
        sly.Label(sly.Rectangle(*box[1:5]), classes[box[0]]).add_tag(sly.Tag(meta, value=box[5])) for box in boxes
    ]
    if hasattr(detection, "_general_nms"):
        kept = detection._general_nms(labels=labels, iou_thresh=threshold, confidence_tag_name="confidence")
    else:
        kept = sdk.nn("hosted._nms").suppress(labels, threshold, "confidence")
    return [_plain_object(label.to_json()) for label in kept]


def mapping(sdk: Sdk, classes: Any, special: Any, background: Any, init: str, config_path: str, start: int) -> Any:
    """Output classes and title → id of a segmentation model."""
    indexing = sdk.nn("hosted.class_indexing")
    collection = sdk.module("annotation.obj_class_collection").ObjClassCollection.from_json(classes)
    out, ids = indexing.create_segmentation_classes(
        collection, special, background, init, config_path, "class_title_to_idx", start_class_id=start
    )
    return {"classes": _plain_classes(out.to_json()), "ids": sorted(ids.items())}


def detections(sdk: Sdk, boxes: Any, scores: Any, classes: Any, size: Any, threshold: float) -> Any:
    """Rectangles of a detection network's raw output."""
    sly, raw = sdk.sly, sdk.nn("raw_to_labels")
    by_id = {index: sly.ObjClass(f"c{index}", sly.Rectangle) for index in range(4)}
    meta = sly.TagMeta("confidence", sly.TagValueType.ANY_NUMBER)
    arrays = (np.array([values], dtype=np.float32) for values in (boxes, scores, classes))
    prediction = raw.DetectionNetworkPrediction(*arrays)
    return [
        _plain_object(label.to_json())
        for label in raw.detection_preds_to_sly_rects(by_id, prediction, size, threshold, meta)
    ]


def task_config(sdk: Sdk, config: Any) -> Any:
    """A task config of any age in today's layout."""
    return sdk.nn("hosted.legacy.inference_config").maybe_convert_from_v1_inference_task_config(config)


def _plain_meta(meta: Any) -> Any:
    tags = [[tag["name"], tag["value_type"], tag.get("values")] for tag in meta["tags"]]
    return {"classes": _plain_classes(meta["classes"]), "tags": tags}


def _plain_classes(classes: Any) -> Any:
    return [[item["title"], item["shape"], item["color"].upper()] for item in classes]


def _plain_tags(tags: Any) -> Any:
    return [[tag, None] if isinstance(tag, str) else [tag["name"], tag.get("value")] for tag in tags]


def _plain_object(item: Any) -> Any:
    shape = item.get("bitmap") or item.get("points")
    return [item["classTitle"], _plain_tags(item["tags"]), shape, item.get("description", "")]


def _plain_annotation(ann: Any) -> Any:
    return {
        "size": ann["size"],
        "description": ann["description"],
        "tags": _plain_tags(ann["tags"]),
        "objects": [_plain_object(item) for item in ann["objects"]],
    }


def run(sdk: Sdk, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results = []
    for case in cases:
        arguments = dict(case)
        experiment = globals()[arguments.pop("do")]
        try:
            results.append({"ok": experiment(sdk, **arguments)})
        except Exception as error:
            results.append({"error": type(error).__name__, "text": str(error)})
    return results


if __name__ == "__main__":
    json.dump(run(official(), json.load(sys.stdin)), sys.stdout)
