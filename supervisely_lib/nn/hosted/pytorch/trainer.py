"""A complete segmentation trainer for any torch module. The plugin passes the module, the loss and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import torch
from torch.utils.data import DataLoader

from supervisely_lib.nn.dataset import ensure_samples_nonempty
from supervisely_lib.nn.hosted.class_indexing import CONTINUE_TRAINING, TRANSFER_LEARNING
from supervisely_lib.nn.hosted.pytorch.constants import CUSTOM_MODEL_CONFIG, HEAD_LAYER
from supervisely_lib.nn.hosted.trainer import (
    BATCH_SIZE,
    DATASET_TAGS,
    EPOCHS,
    HEIGHT,
    INPUT_SIZE,
    LOSS,
    LR,
    TRAIN,
    VAL,
    WEIGHTS_INIT_TYPE,
    WIDTH,
    SuperviselyModelTrainer,
)
from supervisely_lib.nn.pytorch.cuda import to_device
from supervisely_lib.nn.pytorch.dataset import PytorchSegmentationSlyDataset
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.training.eval_planner import VAL_EVERY, EvalPlanner
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import (
    Progress,
    epoch_float,
    report_metrics_training,
    report_metrics_validation,
)

Metric = Callable[[Any, Any], Any]  # (scores (B, C, H, W), targets (B, H, W)) → tensor with a single number

_UNLABELED = -1


class PytorchSegmentationTrainer(SuperviselyModelTrainer):
    """Trains the module of `model_factory_fn(num_classes=, input_size=(h, w), custom_model_config=)` with Adam.

    The last layer must be the attribute `_head_layer`: transfer learning does not load its weights.
    Every pixel must belong to a class. The training runs on the GPU if the machine has one.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            INPUT_SIZE: {WIDTH: 256, HEIGHT: 256},
            DATASET_TAGS: {TRAIN: "train", VAL: "val"},
            BATCH_SIZE: {TRAIN: 1, VAL: 1},
            EPOCHS: 2,
            VAL_EVERY: 0.5,
            LR: 0.001,
            WEIGHTS_INIT_TYPE: TRANSFER_LEARNING,
            CUSTOM_MODEL_CONFIG: {},
        }

    def __init__(
        self,
        model_factory_fn: Callable[..., Any],
        optimization_loss_fn: Metric,
        training_metrics_dict: Mapping[str, Metric] | None = None,
        default_model_config: Mapping[str, Any] | None = None,
    ) -> None:
        default_config = PytorchSegmentationTrainer.get_default_config()
        default_config[CUSTOM_MODEL_CONFIG].update(default_model_config or {})
        self._model_factory_fn = model_factory_fn
        self._optimization_loss_fn = optimization_loss_fn
        self._training_metrics_dict = dict(training_metrics_dict or {})
        if LOSS in self._training_metrics_dict:
            raise ValueError(
                f"training_metrics_dict: the name {LOSS!r} is taken by the optimized loss; rename the metric."
            )
        self._metrics_with_loss = {**self._training_metrics_dict, LOSS: optimization_loss_fn}
        super().__init__(default_config=default_config)

    def get_start_class_id(self) -> int:
        return 0

    def _determine_model_classes(self) -> None:
        self._determine_model_classes_segmentation(bkg_input_idx=_UNLABELED)

    def _construct_data_loaders(self) -> None:
        self._data_loaders = {
            TRAIN: self._data_loader(TRAIN, shuffle=True, drop_last=True),
            VAL: self._data_loader(VAL, shuffle=False, drop_last=False),
        }
        logger.info("DataLoaders have been constructed.")
        self._train_iters = len(self._data_loaders[TRAIN])
        self._val_iters = len(self._data_loaders[VAL])
        self._epochs = self._required(EPOCHS)
        self._eval_planner = EvalPlanner(epochs=self._epochs, val_every=self._required(VAL_EVERY))

    def _data_loader(self, purpose: str, *, shuffle: bool, drop_last: bool) -> Any:
        tag = self._required(DATASET_TAGS, purpose)
        samples = self._samples_by_data_purpose[purpose]
        ensure_samples_nonempty(samples, tag, self.project.meta)
        dataset = PytorchSegmentationSlyDataset(
            project_meta=self.project.meta,
            samples=samples,
            out_size=self._input_size,
            class_mapping=self.class_title_to_idx,
            bkg_color=_UNLABELED,
        )
        logger.info("Prepared dataset.", extra={"dataset_purpose": purpose, "tag": tag, "samples": len(samples)})
        return DataLoader(
            dataset=dataset, batch_size=self._required(BATCH_SIZE, purpose), shuffle=shuffle, drop_last=drop_last
        )

    def _construct_and_fill_model(self) -> None:
        progress = Progress("Building model:", 1)
        model = self._model_factory_fn(
            num_classes=max(self.class_title_to_idx.values()) + 1,
            input_size=self._input_size,
            custom_model_config=self.config.get(CUSTOM_MODEL_CONFIG, {}),
        )
        logger.info("Model has been instantiated.")

        weights = WeightsRW(TaskPaths.MODEL_DIR)
        init_type = self._required(WEIGHTS_INIT_TYPE)
        if init_type == CONTINUE_TRAINING:
            model = weights.load_strictly(model)
        elif init_type == TRANSFER_LEARNING:
            model = weights.load_for_transfer_learning(model, ignore_matching_layers=[HEAD_LAYER], logger=logger)
        self._model = to_device(model)
        logger.info("Weights have been loaded.", extra={WEIGHTS_INIT_TYPE: init_type})
        progress.iter_done_report()

    def _construct_loss(self) -> None:
        """Nothing to do: the constructor has received the loss."""

    def _dump_model_weights(self, out_dir: str) -> None:
        WeightsRW(out_dir).save(self._model)

    def _validation(self) -> dict[str, float]:
        """Report and return the mean of each metric over the validation samples."""
        self._model.eval()
        totals = dict.fromkeys(self._metrics_with_loss, 0.0)
        samples = 0
        for iteration, (inputs, targets) in enumerate(self._data_loaders[VAL]):
            _require_full_cover(targets)
            with torch.no_grad():
                inputs, targets = to_device(inputs), to_device(targets)
                outputs = self._model(inputs)
                for name, metric in self._metrics_with_loss.items():
                    totals[name] += metric(outputs, targets).item() * len(inputs)
            samples += len(inputs)
            logger.info(
                "Validation in progress",
                extra={"epoch": self.epoch_flt, "val_iter": iteration, "val_iters": self._val_iters},
            )
        means = {name: total / samples for name, total in totals.items()}
        report_metrics_validation(self.epoch_flt, means)
        logger.info("Validation has been finished", extra={"epoch": self.epoch_flt})
        return means

    def _train_step(self, optimizer: Any, inputs: Any, targets: Any) -> dict[str, float]:
        _require_full_cover(targets)
        self._model.train()
        inputs, targets = to_device(inputs), to_device(targets)
        outputs = self._model(inputs)
        loss = self._optimization_loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        metrics = {name: metric(outputs, targets).item() for name, metric in self._training_metrics_dict.items()}
        return {**metrics, LOSS: loss.item()}

    def train(self) -> None:
        progress = Progress("Model training: ", self._epochs * self._train_iters)
        optimizer = torch.optim.Adam(self._model.parameters(), lr=self._required(LR))
        best_loss = float("inf")
        for epoch in range(self._epochs):
            logger.info("Starting new epoch", extra={"epoch": self.epoch_flt})
            for iteration, (inputs, targets) in enumerate(self._data_loaders[TRAIN]):
                metrics = self._train_step(optimizer, inputs, targets)
                progress.iter_done_report()
                self.epoch_flt = epoch_float(epoch, iteration + 1, self._train_iters)
                report_metrics_training(self.epoch_flt, metrics)

                if self._eval_planner.need_validation(self.epoch_flt):
                    val_metrics = self._validation()
                    self._eval_planner.validation_performed()
                    is_best = val_metrics[LOSS] < best_loss
                    best_loss = min(best_loss, val_metrics[LOSS])
                    self._save_model_snapshot(is_best, {"epoch": self.epoch_flt, "val_metrics": val_metrics})
            logger.info("Epoch has finished", extra={"epoch": self.epoch_flt})


def _require_full_cover(targets: Any) -> None:
    if targets.min().item() < 0:
        raise ValueError(
            "Training data has an item that is not fully covered by the segmentation labeling (some image pixels are "
            "not assigned any class). This is an error. If you need to ignore some parts of the input images, use a "
            "special dummy class and a custom loss function that would ignore pixels of that class."
        )
