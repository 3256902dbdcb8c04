"""The same small experiments on either SDK: a list of cases as JSON in, a list of results out.

Runs inside the environment of the official package: `python oracle_data.py supervisely`, or
`supervisely_lib` for ours with the same versions of OpenCV and numpy; or in-process (`run`). A
case is `{"do": <function below>, ...arguments}`; a result is `{"ok": value}` or `{"error": message}`.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
import zlib
from typing import Any

import numpy as np

INFO = ("shape", "geometryType")  # the official SDK writes these for some shapes only; ours for all


class Experiments:
    """The functions cases name, on one SDK."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.names = importlib.import_module(root)

    def module(self, name: str) -> Any:
        return importlib.import_module(f"{self.root}.{name}")

    def shape_class(self, name: str) -> Any:
        return self.module("annotation.json_geometries_map").GET_GEOMETRY_FROM_STR(name)

    def shape(self, name: str, data: dict[str, Any]) -> Any:
        return self.shape_class(name).from_json(data)

    def geometry(self, shape: str, data: dict[str, Any], size: list[int], steps: list[list[Any]]) -> Any:
        """A shape after transformations, each [method, arguments]; then all its properties."""
        geometries = [self.shape(shape, data)]
        for method, arguments in steps:
            geometries = [moved for one in geometries for moved in self._step(one, method, arguments)]
        return [self._seen(one, size) for one in geometries]

    def _step(self, geometry: Any, method: str, arguments: list[Any]) -> list[Any]:
        if "crop" in method:
            cropped = getattr(geometry, method)(self.names.Rectangle(*arguments))
            return cropped if isinstance(cropped, list) else [cropped]
        if method == "rotate":
            rotator = self.module("geometry.image_rotator").ImageRotator(tuple(arguments[0]), arguments[1])
            return [geometry.rotate(rotator)]
        arguments = [tuple(a) if isinstance(a, list) else a for a in arguments]
        return [getattr(geometry, method)(*arguments)]

    def _seen(self, geometry: Any, size: list[int]) -> dict[str, Any]:
        box = geometry.to_bbox()
        labels = np.zeros(size, np.int32)
        outside = box.top < 0 or box.left < 0 or box.bottom >= size[0] or box.right >= size[1]
        is_mask = geometry.geometry_name() == "bitmap"
        seen = {
            "json": {key: value for key, value in geometry.to_json().items() if key not in INFO},
            "area": geometry.area,
            "box": [box.top, box.left, box.bottom, box.right],
        }
        if is_mask and outside:
            return seen  # the official SDK cannot draw these
        geometry.draw(labels, 7)
        mask = np.zeros(size, bool)
        geometry.draw(mask, True)
        contour = np.zeros(size, np.uint8)
        geometry.draw_contour(contour, 255, thickness=1)
        rgb = np.zeros((*size, 3), np.uint8)
        geometry.draw(rgb, [10, 20, 30], thickness=3)
        return {**seen, "pixels": [packed(canvas) for canvas in (labels, mask, contour, rgb)]}

    def bitmap_text(self, rows: list[str]) -> str:
        """A mask, given as rows of 0 and 1, as annotation text."""
        return str(self.names.Bitmap.data_2_base64(np.array([[int(c) for c in row] for row in rows], bool)))

    def bitmap_rows(self, text: str) -> list[str]:
        """The mask of annotation text as rows of 0 and 1."""
        return ["".join("01"[int(c)] for c in row) for row in self.names.Bitmap.base64_2_data(text)]

    def random_bitmap_text(self, seed: int, size: list[int], density: float) -> str:
        """As bitmap_text, for a mask too large to send."""
        mask = np.random.RandomState(seed).rand(*size) < density
        return str(zlib.crc32(self.names.Bitmap.data_2_base64(mask).encode()))

    def annotation(self, meta: dict[str, Any], data: dict[str, Any], steps: list[list[Any]]) -> Any:
        """An annotation read, transformed, drawn as class numbers and written."""
        project_meta = self.names.ProjectMeta.from_json(meta)
        annotation = self.names.Annotation.from_json(data, project_meta)
        for method, arguments in steps:
            (annotation,) = self._step(annotation, method, arguments)
        canvas = np.zeros(annotation.img_size, np.int32)
        for label in annotation.labels:
            label.draw(canvas, color=1 + project_meta.obj_classes.keys().index(label.obj_class.name))
        return {"json": annotation.to_json(), "pixels": packed(canvas)}

    def meta(self, data: dict[str, Any]) -> Any:
        """A meta read and written."""
        return self.names.ProjectMeta.from_json(data).to_json()

    def resize_nearest(self, size: list[int], out_size: list[int]) -> list[Any]:
        """Which source row and column each pixel of a resized image shows."""
        image = self.module("imaging.image")
        rows = np.repeat(np.arange(size[0], dtype=np.int32)[:, None], size[1], axis=1)
        cols = np.repeat(np.arange(size[1], dtype=np.int32)[None], size[0], axis=0)
        row_of = image.resize_inter_nearest(rows, tuple(out_size))
        col_of = image.resize_inter_nearest(cols, tuple(out_size))
        return [row_of[:, 0].tolist(), col_of[0].tolist(), str(row_of.dtype)]

    def project(self, directory: str) -> Any:
        """All that a project on disk holds."""
        project = self.names.Project(directory, self.names.OpenMode.READ)
        image = self.module("imaging.image")
        return {
            "name": project.name,
            "meta": project.meta.to_json(),
            "total": project.total_items,
            "datasets": {
                dataset.name: {
                    item: [
                        self.names.Annotation.load_json_file(dataset.get_ann_path(item), project.meta).to_json(),
                        packed(image.read(dataset.get_img_path(item))),
                    ]
                    for item in dataset
                }
                for dataset in project.datasets
            },
        }

    def write_project(self, directory: str, meta: dict[str, Any], items: list[list[Any]]) -> None:
        """Write a project: items are [dataset, image name, annotation]."""
        project = self.names.Project(directory, self.names.OpenMode.CREATE)
        project.set_meta(self.names.ProjectMeta.from_json(meta))
        datasets: dict[str, Any] = {}
        for i, (dataset, name, data) in enumerate(items):
            if dataset not in datasets:
                datasets[dataset] = project.create_dataset(dataset)
            annotation = self.names.Annotation.from_json(data, project.meta)
            pixels = np.random.RandomState(i).randint(0, 255, (*annotation.img_size, 3)).astype(np.uint8)
            datasets[dataset].add_item_np(name, pixels, annotation)

    def measures(self, meta: dict[str, Any], pairs: list[list[Any]]) -> Any:
        """Quality metrics of predictions against ground truth."""
        project_meta = self.names.ProjectMeta.from_json(meta)
        names = {item.name: item.name for item in project_meta.obj_classes}
        pixel_accuracy = self.module("metric.pixel_accuracy").PixelAccuracyMetric
        metrics = {
            "iou": self.names.IoUMetric(names),
            "pixels": pixel_accuracy(names),
            "precision": self.names.PrecisionRecallMetric(names, 0.3),
            "confusion": self.names.ConfusionMatrixMetric(names, 0.3),
            "tags": self.names.ClassificationMetrics({"score": "score", "train": "train"}, 0.5),
        }
        for pair in pairs:
            truth, guess = (self.names.Annotation.from_json(data, project_meta) for data in pair)
            for metric in metrics.values():
                metric.add_pair(truth, guess)
        return json.loads(
            json.dumps(
                {name: [repr_keys(m.get_metrics()), repr_keys(m.get_total_metrics())] for name, m in metrics.items()},
                default=float,
            )
        )


def repr_keys(value: Any) -> Any:
    """Dictionaries with tuples as keys, in a form JSON takes."""
    return {str(k): repr_keys(v) for k, v in value.items()} if isinstance(value, dict) else value


def packed(array: Any) -> str:
    """An array as short text: equal texts mean equal arrays."""
    array = np.ascontiguousarray(array)
    kind = f"{array.shape}{array.dtype}"
    return kind + base64.b64encode(zlib.compress(array.tobytes())).decode()


def run(root: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results of the cases on the SDK of that import name."""
    experiments = Experiments(root)
    results = []
    for case in cases:
        arguments = {key: value for key, value in case.items() if key != "do"}
        try:
            results.append({"ok": getattr(experiments, case["do"])(**arguments)})
        except Exception as e:
            results.append({"error": f"{type(e).__name__}: {e}"})
    return json.loads(json.dumps(results))


if __name__ == "__main__":
    for line in sys.stdin:  # one list of cases per line, until the end
        print(json.dumps(run(sys.argv[1], json.loads(line))), flush=True)
