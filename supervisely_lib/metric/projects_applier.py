"""Compare two projects of the task by a metric."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.metric.metric_base import MetricsBase
from supervisely_lib.project.project import Dataset, OpenMode, Project
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import Progress

PROJECT_GT = "project_gt"
PROJECT_PRED = "project_pred"


class MetricProjectsApplier:
    """Passes the annotations of two projects in the task's data folder to a metric.

    config: `project_gt` and `project_pred` name the projects; without `project_pred`, `project_gt` is both.
    """

    def __init__(self, metric: MetricsBase, config: Mapping[str, Any]) -> None:
        """RuntimeError if a name is missing or the projects do not have the same images."""
        self._metric = metric
        if PROJECT_GT not in config:
            raise RuntimeError(f'Field "{PROJECT_GT}" does not exist in config.')
        self.project_gt = self._read(config[PROJECT_GT])
        self.project_pred = self._read(config[PROJECT_PRED]) if PROJECT_PRED in config else self.project_gt
        self._require_same_images()

    @staticmethod
    def _read(name: str) -> Project:
        return Project(os.path.join(TaskPaths.DATA_DIR, name), OpenMode.READ)

    def _require_same_images(self) -> None:
        if self.project_gt.datasets.keys() != self.project_pred.datasets.keys():
            raise RuntimeError("Projects must contain same datasets.")
        for dataset, other in self._datasets():
            different = set(dataset).symmetric_difference(other)
            if different:
                raise RuntimeError(
                    f"Projects must contain same samples: {min(different)!r} of {dataset.name!r} is in one only."
                )

    def _datasets(self) -> list[tuple[Dataset, Dataset]]:
        return list(zip(self.project_gt, self.project_pred))

    def run_evaluation(self) -> None:
        """Pass all images. An image for which the metric raises a ValueError is left out, with a warning."""
        progress = Progress("metric evaluation", self.project_gt.total_items)
        for dataset, other in self._datasets():
            for name in dataset:
                try:
                    truth = Annotation.load_json_file(dataset.get_ann_path(name), self.project_gt.meta)
                    guess = Annotation.load_json_file(other.get_ann_path(name), self.project_pred.meta)
                    self._metric.add_pair(truth, guess)
                except ValueError as e:
                    logger.warning("Sample %r in dataset %r will be skipped: %s", name, dataset.name, e)
                progress.iter_done_report()
