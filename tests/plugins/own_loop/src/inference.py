"""Inference with a model and labels of our own making."""

import numpy as np
import torch
from net import TwoViews
from samples import to_input

import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.raw_to_labels import (
    segmentation_array_to_sly_bitmaps,
    segmentation_scores_to_per_class_labels,
)
from supervisely_lib.task.paths import TaskPaths


class Applier(SingleImageInferenceBase):
    def __init__(self):
        sly.logger.info("Applier: start")
        super().__init__()

    @property
    def train_classes_key(self):
        return "out_classes"

    def _load_train_config(self):
        super()._load_train_config()
        self._determine_model_input_size()

    def _construct_and_fill_model(self):
        super()._construct_and_fill_model()
        self.model = TwoViews(num_classes=max(self.out_class_mapping.keys()) + 1)
        WeightsRW(TaskPaths.MODEL_DIR).load_strictly(self.model)
        self.model.eval()
        if torch.cuda.is_available():
            self.model.cuda()

    def inference(self, image, ann):
        batch = torch.stack([to_input(sly.image.resize(image, self.input_size))], 0)
        if torch.cuda.is_available():
            batch = batch.cuda()
        with torch.no_grad():
            scores = torch.softmax(self.model(batch), dim=1)
            scores = torch.nn.functional.interpolate(scores, image.shape[:2])  # nearest
        scores = scores[0].permute(1, 2, 0).cpu().numpy()  # (H, W, C)
        return sly.Annotation(
            ann.img_size,
            labels=segmentation_array_to_sly_bitmaps(self.out_class_mapping, np.argmax(scores, axis=2)),
            pixelwise_scores_labels=segmentation_scores_to_per_class_labels(self.out_class_mapping, scores),
        )


def main():
    default_mode = InfModeFullImage.make_default_config(model_result_suffix="_own")
    BatchInferenceApplier(single_image_inference=Applier(), default_inference_mode_config=default_mode).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("OWN_LOOP_INFERENCE", main)
