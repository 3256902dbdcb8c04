"""Training with a loop of our own."""

import os

import torch
from net import TwoViews
from samples import TensorPairs
from torch.nn import CrossEntropyLoss
from torch.utils.data import DataLoader

import supervisely_lib as sly
from supervisely_lib.nn.dataset import ensure_samples_nonempty
from supervisely_lib.nn.hosted.class_indexing import CONTINUE_TRAINING, TRANSFER_LEARNING
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
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.training.eval_planner import VAL_EVERY, EvalPlanner
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import epoch_float

UNLABELLED = -1


class Trainer(SuperviselyModelTrainer):
    @staticmethod
    def get_default_config():
        return {
            DATASET_TAGS: {TRAIN: "train", VAL: "val"},
            BATCH_SIZE: {TRAIN: 2, VAL: 1},
            INPUT_SIZE: {WIDTH: 48, HEIGHT: 32},
            EPOCHS: 2,
            VAL_EVERY: 1,
            LR: 0.001,
            WEIGHTS_INIT_TYPE: TRANSFER_LEARNING,
        }

    def __init__(self):
        super().__init__(default_config=Trainer.get_default_config())
        sly.logger.info("Model is ready to train.")

    @property
    def train_classes_key(self):
        return "out_classes"

    def get_start_class_id(self):
        return 0

    def _determine_model_classes(self):
        self._determine_model_classes_segmentation(bkg_input_idx=UNLABELLED)

    def _construct_data_loaders(self):
        self.loaders = {}
        for name, drop_last in ((TRAIN, True), (VAL, False)):
            samples = self._deprecated_samples_by_tag[self.name_to_tag[name]]
            ensure_samples_nonempty(samples, self.name_to_tag[name], self.project.meta)
            pairs = TensorPairs(
                project_meta=self.project.meta,
                samples=samples,
                out_size=self._input_size,
                class_mapping=self.class_title_to_idx,
                bkg_color=UNLABELLED,
            )
            self.loaders[name] = DataLoader(
                dataset=pairs, batch_size=self.config[BATCH_SIZE][name], shuffle=name == TRAIN, drop_last=drop_last
            )
        self.train_iters = len(self.loaders[TRAIN])
        self.planner = EvalPlanner(epochs=self.config[EPOCHS], val_every=self.config[VAL_EVERY])

    def _construct_and_fill_model(self):
        progress = sly.Progress("Building model:", 1)
        self.model = TwoViews(num_classes=max(self.class_title_to_idx.values()) + 1)
        weights = WeightsRW(TaskPaths.MODEL_DIR)
        if self.config[WEIGHTS_INIT_TYPE] == TRANSFER_LEARNING:
            weights.load_for_transfer_learning(self.model, ignore_matching_layers=["_head_layer"], logger=sly.logger)
        elif self.config[WEIGHTS_INIT_TYPE] == CONTINUE_TRAINING:
            weights.load_strictly(self.model)
        if torch.cuda.is_available():
            self.model.cuda()
        progress.iter_done_report()

    def _construct_loss(self):
        self.loss_fn = CrossEntropyLoss()

    def _dump_model_weights(self, out_dir):
        WeightsRW(out_dir).save(self.model)
        assert os.path.isfile(os.path.join(out_dir, "model.pt"))

    def _loss(self, images, targets):
        if torch.cuda.is_available():
            images, targets = images.cuda(), targets.cuda()
        return self.loss_fn(self.model(images), targets)

    def _validation(self):
        self.model.eval()
        total = 0.0
        with torch.no_grad():
            for images, targets in self.loaders[VAL]:
                total += self._loss(images, targets).item()
        metrics = {LOSS: total / len(self.loaders[VAL])}
        sly.report_metrics_validation(self.epoch_flt, metrics)
        self.model.train()
        return metrics

    def train(self):
        epochs = self.config[EPOCHS]
        progress = sly.Progress("Model training: ", epochs * self.train_iters)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.config[LR])
        best = float("inf")
        for epoch in range(epochs):
            sly.logger.info("Before new epoch", extra={"epoch": self.epoch_flt})
            for train_it, (images, targets) in enumerate(self.loaders[TRAIN]):
                optimizer.zero_grad()
                loss = self._loss(images, targets)
                loss.backward()
                optimizer.step()

                self.epoch_flt = epoch_float(epoch, train_it + 1, self.train_iters)
                progress.iter_done_report()
                sly.report_metrics_training(self.epoch_flt, {LOSS: loss.item()})
                if self.planner.need_validation(self.epoch_flt):
                    metrics = self._validation()
                    self.planner.validation_performed()
                    self._save_model_snapshot(metrics[LOSS] < best, opt_data={"epoch": self.epoch_flt, **metrics})
                    best = min(best, metrics[LOSS])
            sly.logger.info("Epoch was finished", extra={"epoch": self.epoch_flt})


def main():
    torch.manual_seed(7)  # with few steps luck would decide
    Trainer().train()


if __name__ == "__main__":
    sly.main_wrapper("OWN_LOOP_TRAIN", main)
