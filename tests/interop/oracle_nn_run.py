"""A small trainer and a small model over a task folder, on either SDK, as the programs of a plugin.

Reads `{"sdk": "official" or "ours", "task": folder, "run": "train" or "infer"}` on stdin; everything it says
is on stderr, as a plugin says it.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import oracle_nn


def at(sdk: oracle_nn.Sdk, folder: str) -> None:
    """Let the SDK take the folder for /sly_task_data."""
    paths = sdk.module("task.paths").TaskPaths
    for name, value in list(vars(paths).items()):
        if isinstance(value, str) and value.startswith("/sly_task_data"):
            setattr(paths, name, folder + value.removeprefix("/sly_task_data"))


def train(sdk: oracle_nn.Sdk) -> None:
    base = sdk.nn("hosted.trainer").SuperviselyModelTrainer
    planner_type = sdk.nn("training.eval_planner").EvalPlanner
    progress = sdk.module("task.progress")

    class Trainer(base):  # type: ignore[valid-type, misc]  # known at run time
        def _determine_model_classes(self) -> None:
            self._determine_model_classes_segmentation(bkg_input_idx=0)

        def _construct_data_loaders(self) -> None:
            self.loader = sdk.nn("dataset").SlyDataset(
                self.project.meta,
                sorted(self._samples_by_data_purpose["train"]),  # theirs come as the folder lists them
                self._input_size,
                self.class_title_to_idx,
                bkg_color=0,
            )

        def _construct_and_fill_model(self) -> None:
            progress.Progress("Building model:", 1).iter_done_report()

        def _construct_loss(self) -> None:
            pass

        def _dump_model_weights(self, out_dir: str) -> None:
            Path(out_dir, "w.bin").write_bytes(b"w" * 77)

        def train(self) -> None:
            planner = planner_type(self.config["epochs"], self.config["val_every"])
            bar = progress.Progress("Model training: ", self.config["epochs"] * len(self.loader))
            for epoch in range(self.config["epochs"]):
                for index in range(len(self.loader)):
                    image, gt = self.loader[index]
                    bar.iter_done_report()
                    self.epoch_flt = progress.epoch_float(epoch, index + 1, len(self.loader))
                    sums = {"pixels": zlib.crc32(image.tobytes()), "ids": zlib.crc32(gt.tobytes())}
                    progress.report_metrics_training(self.epoch_flt, sums)
                    if planner.need_validation(self.epoch_flt):
                        planner.validation_performed()
                        progress.report_metrics_validation(self.epoch_flt, {"loss": 1 / self.epoch_flt})
                        self._save_model_snapshot(False, {"epoch": self.epoch_flt})

    Trainer({"input_size": {"width": 9, "height": 7}, "epochs": 1, "val_every": 0.5, "weights_init_type": "-"}).train()


def infer(sdk: oracle_nn.Sdk) -> None:
    base = sdk.nn("hosted.inference_single_image").SingleImageInferenceBase

    class Model(base):  # type: ignore[valid-type, misc]  # known at run time
        def inference(self, image: Any, ann: Any) -> Any:
            return oracle_nn.FakeModel(sdk, self.model_out_meta, ["boxes", "masks"]).inference(image, ann)

    default = sdk.nn("hosted.inference_modes").InfModeFullImage.make_default_config(model_result_suffix="_net")
    sdk.nn("hosted.inference_batch").BatchInferenceApplier(Model(), default).run_inference()


if __name__ == "__main__":
    job = json.load(sys.stdin)
    chosen = oracle_nn.official() if job["sdk"] == "official" else oracle_nn.ours()
    at(chosen, job["task"])
    {"train": train, "infer": infer}[job["run"]](chosen)
