"""Train the detector on the project in the task folder. The agent runs this script and reads its log lines."""

import math
import os

# Torch reads this variable at its import. Without it, waiting threads keep a shared CPU busy: ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import supervisely_lib as sly
import torch
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
from supervisely_lib.task.progress import epoch_float
from torch.utils.data import DataLoader

from boxes import Things, found_in
from dataset import DetectionDataset, as_batch
from metrics import detection_loss, mean_average_precision, same_guess
from model import STRIDE, DetectionNet, best_device
from pictures import class_colors, log_picture, truth_and_guess

ANY_SCORE = 0.01  # boxes with a lower score do not change the average precision


class DetectionTrainer(SuperviselyModelTrainer):
    @staticmethod
    def get_default_config():
        return {
            DATASET_TAGS: {TRAIN: "train", VAL: "val"},
            INPUT_SIZE: {WIDTH: 128, HEIGHT: 128},  # multiples of 16; larger for small objects
            BATCH_SIZE: {TRAIN: 8, VAL: 8},  # as large as the memory allows; a larger batch needs a larger lr
            EPOCHS: 40,
            VAL_EVERY: 2,  # epochs between two checkpoints; 0.5 is twice per epoch
            LR: 0.003,  # the maximum; the rate rises and falls during the training
            "width": 16,  # channels of the first layer: 32 is four times slower and learns more
            "augment": True,
            "log_images": 4,  # validation images that are shown with their detections, at each validation
            "data_workers": 2,  # processes that read images; with 0 the training process reads them
            "seed": 0,
            "gpu_devices": [0],
            WEIGHTS_INIT_TYPE: TRANSFER_LEARNING,  # CONTINUE_TRAINING keeps the classes as well
        }

    def __init__(self):
        super().__init__(default_config=self.get_default_config())

    def _validate_train_cfg(self, config):
        if any(side % STRIDE for side in config[INPUT_SIZE].values()):
            raise ValueError(f"input_size: width and height have to be multiples of {STRIDE}: {config[INPUT_SIZE]}.")
        if config[VAL_EVERY] > config[EPOCHS]:
            raise ValueError("val_every is more than epochs: there would be no validation and no checkpoint.")

    def get_start_class_id(self):
        return 0  # a detector predicts no background, so no id is reserved for it

    def _determine_model_classes(self):
        self._determine_model_classes_detection()

    def _construct_data_loaders(self):
        torch.manual_seed(self.config["seed"])
        self.train_loader = self._data_loader(TRAIN, shuffle=True, augment=self.config["augment"])
        self.val_loader = self._data_loader(VAL, shuffle=False, augment=False)

    def _data_loader(self, purpose, shuffle, augment):
        samples = self._samples_by_data_purpose[purpose]
        ensure_samples_nonempty(samples, self.name_to_tag[purpose], self.project.meta)
        dataset = DetectionDataset(
            self.project.meta,
            samples,
            out_size=self._input_size,
            class_mapping=self.class_title_to_idx,
            bkg_color=None,  # nothing is drawn
            augment=augment,
        )
        workers = min(self.config["data_workers"], os.cpu_count() or 1)
        return DataLoader(
            dataset,
            self.config[BATCH_SIZE][purpose],
            shuffle,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=as_batch,
        )

    def _construct_and_fill_model(self):
        progress = sly.Progress("Building model:", 1)
        sly.env.remap_gpu_devices(self.config["gpu_devices"])
        self.device = best_device()
        self.num_classes = max(self.class_title_to_idx.values()) + 1
        self.model = DetectionNet(self.num_classes, self.config["width"])

        weights = WeightsRW(sly.TaskPaths.MODEL_DIR)
        if self.config[WEIGHTS_INIT_TYPE] == CONTINUE_TRAINING:
            weights.load_strictly(self.model)
        elif sly.fs.file_exists(f"{sly.TaskPaths.MODEL_DIR}/model.pt"):
            weights.load_for_transfer_learning(self.model, ignore_matching_layers=["_head_layer"], logger=sly.logger)
        else:
            sly.logger.info("The model has no weights: training starts from random ones.")
        self.model.to(self.device)
        sly.logger.info("Model is ready.", extra={"device": str(self.device)})
        progress.iter_done_report()

    def _construct_loss(self):
        self.loss = detection_loss

    def _dump_model_weights(self, out_dir):
        WeightsRW(out_dir).save(self.model)

    def _on_device(self, images, things):
        return images.to(self.device), [Things(*(t.to(self.device) for t in of_picture)) for of_picture in things]

    @torch.no_grad()
    def _validation(self):
        self.model.eval()
        loss_sum, all_found, all_things = 0.0, [], []
        colors = class_colors(self.out_classes, self.class_title_to_idx)
        pictures: list[object] = []
        for images, things in self.val_loader:
            images, things = self._on_device(images, things)
            heat, sides = self.model(images)  # (B, C, H/4, W/4), (B, 4, H/4, W/4)
            loss_sum += self.loss(heat, sides, things, self._input_size).item() * len(images)
            found = found_in(heat, sides, ANY_SCORE)
            all_found += found
            all_things += things
            wanted = min(self.config["log_images"] - len(pictures), len(images))
            pictures += [truth_and_guess(images[i], things[i], found[i], colors) for i in range(wanted)]
        self.model.train()

        metrics = {LOSS: loss_sum / len(all_things), "average_precision": mean_average_precision(all_found, all_things)}
        sly.report_metrics_validation(self.epoch_flt, metrics)
        for number, picture in enumerate(pictures):
            log_picture(f"val/{number}", self.epoch_flt, picture, "truth left, detection right")
        return metrics

    def _blind_average_precision(self):
        """The average precision of a predictor that ignores the image and gives the same boxes every time."""
        guess = same_guess([things for _, batch in self.train_loader for things in batch], self.num_classes)
        things = [of_picture for _, batch in self.val_loader for of_picture in batch]
        return mean_average_precision([guess] * len(things), things)

    def train(self):
        epochs, iterations = self.config[EPOCHS], len(self.train_loader)
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.config[LR])
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_factor(epochs * iterations))
        planner = EvalPlanner(epochs, self.config[VAL_EVERY])
        progress = sly.Progress("Model training: ", epochs * iterations)
        best_average_precision = 0.0

        for epoch in range(epochs):
            for iteration, (images, things) in enumerate(self.train_loader, start=1):
                images, things = self._on_device(images, things)
                heat, sides = self.model(images)  # (B, C, H/4, W/4), (B, 4, H/4, W/4)
                loss = self.loss(heat, sides, things, self._input_size)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()

                self.epoch_flt = epoch_float(epoch, iteration, iterations)
                sly.report_metrics_training(self.epoch_flt, {LOSS: loss.item()})
                progress.iter_done_report()

                if planner.need_validation(self.epoch_flt):
                    metrics = self._validation()
                    planner.validation_performed()
                    is_best = metrics["average_precision"] > best_average_precision
                    best_average_precision = max(best_average_precision, metrics["average_precision"])
                    self._save_model_snapshot(is_best, {"epoch": self.epoch_flt, "val_metrics": metrics})

        summary = {
            "best_average_precision": best_average_precision,
            "blind_average_precision": self._blind_average_precision(),
        }
        sly.logger.info("Training is finished.", extra=summary)


def lr_factor(steps):
    """Step → share of the learning rate: a short rise from zero, then a fall to zero."""
    rise = max(steps // 20, 1)
    return lambda step: (0.5 + 0.5 * math.cos(math.pi * step / steps)) * min((step + 1) / rise, 1.0)


def main():
    DetectionTrainer().train()


if __name__ == "__main__":
    sly.main_wrapper("DETECTION_TRAIN", main)
