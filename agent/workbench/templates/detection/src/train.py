"""Train the detector on the project in the task folder. The agent runs this script and reads its log lines."""

import os

import supervisely_lib as sly

sly.logger.info("Loading torch.")  # it takes seconds, in which nothing else would be seen
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else waiting threads of torch keep a shared CPU busy

import torch
from supervisely_lib.nn.dataset import ensure_samples_nonempty
from supervisely_lib.nn.hosted.class_indexing import CONTINUE_TRAINING, TRANSFER_LEARNING
from supervisely_lib.nn.hosted.trainer import SuperviselyModelTrainer
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.training.eval_planner import EvalPlanner
from supervisely_lib.task.progress import epoch_float
from torch.utils.data import DataLoader

from boxes import found_in, maps_of
from dataset import DetectionDataset
from metrics import as_batch, counts, detection_loss, f1
from model import CELL, Net, best_device
from pictures import class_colors, log_picture, truth_and_guess

LEAST_SCORE = 0.3  # of a box that is found


class Trainer(SuperviselyModelTrainer):
    @staticmethod
    def get_default_config():
        return {
            "dataset_tags": {"train": "train", "val": "val"},
            "input_size": {"width": 96, "height": 96},  # images are resized to it; multiples of 8
            "batch_size": {"train": 4, "val": 4},
            "epochs": 20,
            "val_every": 4,  # epochs between two checkpoints; 0.5 is twice per epoch
            "lr": 0.005,
            "width": 32,  # channels of the network
            "log_images": 2,  # validation images that are shown with their predictions
            "seed": 0,
            "weights_init_type": TRANSFER_LEARNING,  # CONTINUE_TRAINING keeps the classes and the last layer
        }

    def __init__(self):
        super().__init__(default_config=self.get_default_config())

    def _validate_train_cfg(self, config):
        if any(side % CELL for side in config["input_size"].values()):
            raise ValueError(f"input_size: width and height have to be multiples of {CELL}: {config['input_size']}.")
        if config["val_every"] > config["epochs"]:
            raise ValueError("val_every is more than epochs: there would be no validation and no checkpoint.")

    def get_start_class_id(self):
        return 0  # a detector predicts no background, so no id is reserved for it

    def _determine_model_classes(self):
        self._determine_model_classes_detection()

    def _construct_data_loaders(self):
        torch.manual_seed(self.config["seed"])
        self.loaders = {}
        for purpose, samples in self._samples_by_data_purpose.items():
            ensure_samples_nonempty(samples, self.name_to_tag[purpose], self.project.meta)
            dataset = DetectionDataset(
                self.project.meta, samples, self._input_size, self.class_title_to_idx, bkg_color=None
            )
            size = self.config["batch_size"][purpose]
            self.loaders[purpose] = DataLoader(dataset, size, shuffle=purpose == "train", collate_fn=as_batch)

    def _construct_and_fill_model(self):
        self.device = best_device()
        self.num_classes = max(self.class_title_to_idx.values()) + 1
        self.model = Net(self.num_classes, self.config["width"])
        weights = WeightsRW(sly.TaskPaths.MODEL_DIR)
        if self.config["weights_init_type"] == CONTINUE_TRAINING:
            weights.load_strictly(self.model)
        elif sly.fs.file_exists(f"{sly.TaskPaths.MODEL_DIR}/model.pt"):
            weights.load_for_transfer_learning(self.model, ignore_matching_layers=["_head_layer"], logger=sly.logger)
        self.model.to(self.device)

    def _construct_loss(self):
        self.loss = detection_loss

    def _dump_model_weights(self, out_dir):
        WeightsRW(out_dir).save(self.model)

    def _loss_of(self, images, boxes, classes):
        """The loss of a batch, and the network's maps of it."""
        wanted = [maps_of(b, c, self.num_classes, self._input_size) for b, c in zip(boxes, classes, strict=True)]
        wanted_heat, wanted_boxes = (torch.stack(same).to(self.device) for same in zip(*wanted, strict=True))
        heat, sides = self.model(images.to(self.device))
        return self.loss(heat, sides, wanted_heat, wanted_boxes), heat.detach().cpu(), sides.detach().cpu()

    @torch.no_grad()
    def _validation(self):
        self.model.eval()
        loss_sum, right, found_count, wanted_count, shown = 0.0, 0, 0, 0, []
        colors = class_colors(self.out_classes, self.class_title_to_idx)
        for images, boxes, classes in self.loaders["val"]:
            loss, heat, sides = self._loss_of(images, boxes, classes)
            loss_sum += loss.item() * len(images)
            for image, truth, ids, one_heat, one_sides in zip(images, boxes, classes, heat, sides, strict=True):
                found = found_in(one_heat, one_sides, LEAST_SCORE)
                right += counts(found, truth, ids)
                found_count += len(found[0])
                wanted_count += len(truth)
                if len(shown) < self.config["log_images"]:
                    shown.append(truth_and_guess(image, (truth, ids), found[:2], colors))
        self.model.train()

        samples = len(self.loaders["val"].dataset)
        metrics = {"loss": loss_sum / samples, "f1": f1(right, found_count, wanted_count)}
        sly.report_metrics_validation(self.epoch_flt, metrics)
        for number, picture in enumerate(shown):
            log_picture(f"val/{number}", self.epoch_flt, picture, "truth left, prediction right")
        return metrics

    def train(self):
        epochs, iterations = self.config["epochs"], len(self.loaders["train"])
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.config["lr"])
        planner = EvalPlanner(epochs, self.config["val_every"])
        progress = sly.Progress("Model training: ", epochs * iterations)
        best = -1.0

        for epoch in range(epochs):
            for iteration, (images, boxes, classes) in enumerate(self.loaders["train"], start=1):
                loss, _, _ = self._loss_of(images, boxes, classes)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

                self.epoch_flt = epoch_float(epoch, iteration, iterations)
                sly.report_metrics_training(self.epoch_flt, {"loss": loss.item()})
                progress.iter_done_report()
                if planner.need_validation(self.epoch_flt):
                    metrics = self._validation()
                    planner.validation_performed()
                    self._save_model_snapshot(metrics["f1"] > best, {"val_metrics": metrics})
                    best = max(best, metrics["f1"])


def main():
    Trainer().train()


if __name__ == "__main__":
    sly.main_wrapper("MY_PLUGIN_TRAIN", main)
