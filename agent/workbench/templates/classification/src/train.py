"""Train the classifier on the project in the task folder. The agent runs this script and reads its log lines."""

import os

import supervisely_lib as sly

sly.logger.info("Loading torch.")  # it takes seconds, in which nothing else would be seen
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else waiting threads of torch keep a shared CPU busy

import torch
from supervisely_lib.nn.hosted.class_indexing import CONTINUE_TRAINING, TRANSFER_LEARNING
from supervisely_lib.nn.hosted.trainer import SuperviselyModelTrainer
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.training.eval_planner import EvalPlanner
from supervisely_lib.task.progress import epoch_float
from torch.utils.data import DataLoader

from dataset import ClassificationDataset, samples_with_one_tag
from model import Net, best_device
from pictures import framed, log_picture

TAGS = "classification_tags"  # in config.json of a model: its tags, and their ids
TAG_IDS = "classification_tags_to_idx"


class Trainer(SuperviselyModelTrainer):
    @staticmethod
    def get_default_config():
        return {
            "dataset_tags": {"train": "train", "val": "val"},
            "input_size": {"width": 64, "height": 64},  # images are resized to it
            "batch_size": {"train": 4, "val": 4},
            "epochs": 12,
            "val_every": 2,  # epochs between two checkpoints; 0.5 is twice per epoch
            "lr": 0.01,
            "width": 16,  # channels of the network
            "log_images": 4,  # validation images that are shown with their predictions
            "seed": 0,
            "weights_init_type": TRANSFER_LEARNING,  # CONTINUE_TRAINING keeps the tags and the last layer
        }

    def __init__(self):
        super().__init__(default_config=self.get_default_config())

    def _validate_train_cfg(self, config):
        if config["val_every"] > config["epochs"]:
            raise ValueError("val_every is more than epochs: there would be no validation and no checkpoint.")

    def _determine_model_classes(self):
        """The model has tags instead of classes: those of the project without a value, but for train and val."""
        self.out_classes, self.class_title_to_idx = sly.ObjClassCollection([]), {}
        purposes = set(self.config["dataset_tags"].values())
        metas = [meta for meta in self.project.meta.tag_metas if meta.name not in purposes]
        self.out_tags = sly.TagMetaCollection([meta for meta in metas if meta.value_type == sly.TagValueType.NONE])
        names = sorted(meta.name for meta in self.out_tags)
        if not names:
            raise RuntimeError("The project has no tags to learn: tags without a value, beside train and val.")
        self.tag_to_idx = {name: number for number, name in enumerate(names)}
        if self.config["weights_init_type"] == CONTINUE_TRAINING:
            self.tag_to_idx = sly.json.load_json_file(sly.TaskPaths.MODEL_CONFIG_PATH)[TAG_IDS]
            if sorted(self.tag_to_idx) != names:
                raise RuntimeError(f"The model has the tags {sorted(self.tag_to_idx)}, the project {names}.")

    def _determine_out_config(self):
        super()._determine_out_config()
        self.out_config |= {TAGS: self.out_tags.to_json(), TAG_IDS: self.tag_to_idx}

    def _construct_data_loaders(self):
        torch.manual_seed(self.config["seed"])
        self.loaders = {}
        for purpose, samples in self._samples_by_data_purpose.items():
            kept = samples_with_one_tag(samples, self.project.meta, self.tag_to_idx, purpose)
            dataset = ClassificationDataset(self.project.meta, kept, self._input_size, self.tag_to_idx, bkg_color=None)
            size = self.config["batch_size"][purpose]
            self.loaders[purpose] = DataLoader(dataset, batch_size=size, shuffle=purpose == "train")

    def _construct_and_fill_model(self):
        self.device = best_device()
        self.model = Net(len(self.tag_to_idx), self.config["width"])
        weights = WeightsRW(sly.TaskPaths.MODEL_DIR)
        if self.config["weights_init_type"] == CONTINUE_TRAINING:
            weights.load_strictly(self.model)
        elif sly.fs.file_exists(f"{sly.TaskPaths.MODEL_DIR}/model.pt"):
            weights.load_for_transfer_learning(self.model, ignore_matching_layers=["_head_layer"], logger=sly.logger)
        self.model.to(self.device)

    def _construct_loss(self):
        self.loss = torch.nn.CrossEntropyLoss()

    def _dump_model_weights(self, out_dir):
        WeightsRW(out_dir).save(self.model)

    @torch.no_grad()
    def _validation(self):
        self.model.eval()
        images, targets, scores = [], [], []
        for image, target in self.loaders["val"]:
            images.append(image)
            targets.append(target)
            scores.append(self.model(image.to(self.device)).cpu())
        self.model.train()
        images, targets, scores = (torch.cat(parts) for parts in (images, targets, scores))
        guesses = scores.argmax(dim=1)

        accuracy = (guesses == targets).float().mean().item()
        metrics = {"loss": self.loss(scores, targets).item(), "accuracy": accuracy}
        sly.report_metrics_validation(self.epoch_flt, metrics)
        names = {number: name for name, number in self.tag_to_idx.items()}
        for at in range(min(self.config["log_images"], len(images))):
            guess, truth = int(guesses[at]), int(targets[at])
            caption = f"{names[guess]}, in truth {names[truth]}"
            log_picture(f"val/{at}", self.epoch_flt, framed(images[at], guess == truth), caption)
        return metrics

    def train(self):
        epochs, iterations = self.config["epochs"], len(self.loaders["train"])
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.config["lr"])
        planner = EvalPlanner(epochs, self.config["val_every"])
        progress = sly.Progress("Model training: ", epochs * iterations)
        best = -1.0

        for epoch in range(epochs):
            for iteration, (images, targets) in enumerate(self.loaders["train"], start=1):
                loss = self.loss(self.model(images.to(self.device)), targets.to(self.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

                self.epoch_flt = epoch_float(epoch, iteration, iterations)
                sly.report_metrics_training(self.epoch_flt, {"loss": loss.item()})
                progress.iter_done_report()
                if planner.need_validation(self.epoch_flt):
                    metrics = self._validation()
                    planner.validation_performed()
                    self._save_model_snapshot(metrics["accuracy"] > best, {"val_metrics": metrics})
                    best = max(best, metrics["accuracy"])


def main():
    Trainer().train()


if __name__ == "__main__":
    sly.main_wrapper("MY_PLUGIN_TRAIN", main)
