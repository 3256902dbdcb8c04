"""Metrics, progress, logs and checkpoints through the official package's own reporters."""

import json
import math
import os

import numpy as np
import supervisely as sly
from supervisely.task.progress import report_checkpoint_saved, report_metrics_training, report_metrics_validation

RESULTS = "/sly_task_data/results"


def main():
    assert sly.__file__.startswith(os.environ["OFFICIAL"]), sly.__file__
    progress = sly.Progress("Model training: ", 200)
    for step in range(200):
        loss = math.nan if step == 3 else math.inf if step == 4 else -math.inf if step == 5 else 1.0 / (1 + step)
        report_metrics_training((step + 1) / 100, {"loss": loss, "lr": np.float32(0.25), "acc": np.float64(0.5)})
        progress.iter_done_report()
        if step % 100 == 99:
            report_metrics_validation((step + 1) / 100, {"loss": loss, "mean_iou": np.float64(0.75)})
            folder = f"{RESULTS}/{step // 100:08}"
            os.makedirs(folder)
            with open(folder + "/config.json", "w") as file:
                json.dump({"settings": {}, "classes": [], "class_title_to_idx": {}}, file)
            with open(folder + "/model.pt", "wb") as file:
                file.write(b"weights")
            report_checkpoint_saved(step // 100, f"{step // 100:08}", 7, step == 99, {"epoch": (step + 1) / 100})
    sly.logger.warning("low memory", extra={"free_mb": 12})


sly.main_wrapper("OFFICIAL_TRAIN", main)
