"""What an SDK reads of project folders and image files, as plain values that can be compared.

Runs inside the environment of the official package: `python oracle_readers.py supervisely`, or `supervisely_lib` for
ours with the same OpenCV; or in-process (`Reader`). A question is a list of `{"project": folder}` and
`{"image": file}`; the answer has for each `{"ok": what was read}` or `{"error": sentence}`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import sys
from typing import Any

import numpy as np


class Reader:
    """An SDK by its import name."""

    def __init__(self, root: str) -> None:
        self.names = importlib.import_module(root)
        self.image_module = importlib.import_module(f"{root}.imaging.image")

    def read(self, question: dict[str, str]) -> dict[str, Any]:
        """The answer to one question. Raises nothing."""
        try:
            if "image" in question:
                return {"ok": self.image(question["image"])}
            return {"ok": self.project(question["project"])}
        except Exception as error:
            return {"error": " ".join(f"{type(error).__name__}: {error}".split())}

    def image(self, path: str) -> list[Any]:
        """Height, width and the digest of the pixels."""
        pixels = self.image_module.read(path)
        return [*pixels.shape[:2], digest(pixels)]

    def project(self, folder: str) -> dict[str, Any]:
        """Classes, tags, and all images with their pixels and labels, in the order of their names."""
        project = self.names.Project(folder, self.names.OpenMode.READ)
        meta = project.meta
        self.draw_templates(meta)
        images = []
        for dataset in project.datasets:
            for name in dataset:
                annotation = self.names.Annotation.load_json_file(dataset.get_ann_path(name), meta)
                images.append([dataset.name, name, self.image(dataset.get_img_path(name)), self.annotation(annotation)])
        return {
            "classes": [[item.name, item.geometry_type.geometry_name(), list(item.color)] for item in meta.obj_classes],
            "tags": [[item.name, item.value_type, item.possible_values] for item in meta.tag_metas],
            "images": sorted(images, key=lambda image: image[:2]),
        }

    def draw_templates(self, meta: Any) -> None:
        """Every class of graphs drawn with all its nodes: what cannot be drawn counts as not read."""
        names = self.names
        for item in meta.obj_classes:
            if item.geometry_type is names.GraphNodes:
                nodes = {id_: names.Node(names.PointLocation(1, 1)) for id_ in item.geometry_config["nodes"]}
                canvas = np.zeros((3, 3, 3), np.uint8)
                names.GraphNodes(nodes).draw(canvas, [1, 1, 1], config=item.geometry_config)

    def annotation(self, annotation: Any) -> dict[str, Any]:
        """Size, tags, labels, and the pixels of all labels drawn one over the other."""
        canvas = np.zeros([int(side) for side in annotation.img_size], np.int32)
        for number, label in enumerate(annotation.labels, 1):
            label.draw(canvas, [number])
        return {
            "size": [int(side) for side in annotation.img_size],
            "tags": [[tag.name, tag.value] for tag in annotation.img_tags],
            "labels": [
                [
                    label.obj_class.name,
                    label.geometry.geometry_name(),
                    round(float(label.geometry.area), 6),
                    [[tag.name, tag.value] for tag in label.tags],
                ]
                for label in annotation.labels
            ],
            "drawn": [digest(canvas), int((canvas != 0).sum())],
        }


def digest(array: Any) -> str:
    """Equal for equal arrays of equal shape and type."""
    array = np.ascontiguousarray(array)
    return hashlib.sha256(f"{array.shape}{array.dtype}".encode() + array.tobytes()).hexdigest()[:8]


if __name__ == "__main__":
    reader = Reader(sys.argv[1])
    logging.getLogger("logger").setLevel(logging.CRITICAL)  # warnings about short polygons
    for line in sys.stdin:  # one list of questions per line, until the end
        print(json.dumps([reader.read(question) for question in json.loads(line)]), flush=True)
