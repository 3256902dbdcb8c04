"""The metric classes of the official package on images of the benchmark `evaluation`: their seconds, as JSON.

`python -m benchmarks._official_judge FILE`, in the environment of the package. The file has the meta, and the
annotations of both sides as JSON. What is measured begins with them and ends with the metrics.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from supervisely import Annotation, ProjectMeta
from supervisely.metric.confusion_matrix_metric import ConfusionMatrixMetric
from supervisely.metric.iou_metric import IoUMetric
from supervisely.metric.map_metric import MAPMetric
from supervisely.metric.pixel_accuracy import PixelAccuracyMetric
from supervisely.metric.precision_recall_metric import PrecisionRecallMetric


def main(file: Path) -> None:
    content = json.loads(file.read_text())
    meta = ProjectMeta.from_json(content["meta"])
    same = {title: title for title in content["titles"]}
    started = time.perf_counter()
    pixels = [IoUMetric(same), PixelAccuracyMetric(same)]
    objects = [ConfusionMatrixMetric(same, 0.5), PrecisionRecallMetric(same, 0.5), MAPMetric(same, 0.5)]
    for sides in content["images"]:
        truth, predicted = (Annotation.from_json(side, meta) for side in sides)
        for metric in (*pixels, *objects):
            metric.add_pair(truth, predicted)
    totals = [metric.get_total_metrics() for metric in (*pixels, objects[2])]
    print(
        json.dumps(
            {"seconds": time.perf_counter() - started, "iou": totals[0]["iou"], "accuracy": totals[1]["accuracy"]}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
