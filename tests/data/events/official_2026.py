"""What `official_2026.log` is a recording of: `LOG_LEVEL=DEBUG python official_2026.py 2> official_2026.log`.

Run by the official package supervisely 6.73 in an environment of its own; paths of that machine shortened to `...`.
"""

import sys

import numpy as np
import supervisely as sly
from supervisely.task import progress


def main():
    bar = sly.Progress("Model training: ", 5)
    for _ in range(5):
        bar.iter_done_report()
    sly.Progress("Upload", 3 << 20, is_size=True)
    sly.report_metrics_training(0.5, {"loss": 0.25, "f32": np.float32(0.25), "f64": np.float64(0.5), "i": np.int64(3)})
    sly.report_metrics_validation(np.float32(1), {"nan": float("nan"), "inf": float("inf"), "array": np.array([0.5])})
    progress.report_checkpoint_saved(0, "00000000", 2048, np.bool_(True), {"epoch": 0.5, "val_metrics": {"loss": 0.4}})
    progress.report_inference_finished()
    sly.logger.info("unicode é 漢", extra={"set": {1}, "bytes": b"x", "list": [1, None]})
    sly.logger.warning("low memory", extra={"free_mb": 12})
    sly.logger.critical("very bad")
    sly.logger.info({"a": "dict"})
    sys.stderr.write("\r 10%|#    |\r 20%|##   |")
    sly.logger.info("behind a bar")
    try:
        raise KeyError("inner")
    except KeyError:
        sly.logger.error("failed item", exc_info=True)
    raise RuntimeError('There are no annotations with tag "val"')


if __name__ == "__main__":
    sly.main_wrapper("DEMO_TRAIN", main)
