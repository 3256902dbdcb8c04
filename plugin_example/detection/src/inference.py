"""Apply a trained detector to the project in the task folder. The agent runs this script and reads its log lines."""

import os

# Torch reads this variable at its import. Without it, waiting threads keep a shared CPU busy: ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import supervisely_lib as sly
import torch
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import CONFIDENCE, InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import GPU_DEVICE, SingleImageInferenceBase
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.raw_to_labels import DetectionNetworkPrediction, detection_preds_to_sly_rects

from boxes import found_in
from dataset import image_to_tensor
from model import DetectionNet, best_device

CONFIDENCE_TAG = "confidence_tag_name"
LEAST_CONFIDENCE = "min_confidence_threshold"


class DetectionInference(SingleImageInferenceBase):
    @staticmethod
    def get_default_config():
        return {GPU_DEVICE: 0, CONFIDENCE_TAG: CONFIDENCE, LEAST_CONFIDENCE: 0.3}

    def _validate_model_config(self, config):
        if not 0 <= config[LEAST_CONFIDENCE] <= 1:
            raise ValueError(f"{LEAST_CONFIDENCE} has to be between 0 and 1: {config[LEAST_CONFIDENCE]}.")

    def _model_out_tags(self):
        self.confidence = sly.TagMeta(self._config[CONFIDENCE_TAG], sly.TagValueType.ANY_NUMBER)
        return sly.TagMetaCollection([self.confidence])

    def _construct_and_fill_model(self):
        progress = sly.Progress("Building model:", 1)
        self._determine_model_input_size()
        sly.env.remap_gpu_devices([self._config[GPU_DEVICE]])
        self.device = best_device()
        num_classes = max(self.class_title_to_idx.values()) + 1
        model = DetectionNet(num_classes, self.train_config["settings"]["width"])
        self.model = WeightsRW(sly.TaskPaths.MODEL_DIR).load_strictly(model).to(self.device).eval()
        progress.iter_done_report()

    @torch.no_grad()
    def inference(self, image, ann):
        small = sly.image.resize(image, self.input_size)  # (h, w, 3)
        heat, sides = self.model(image_to_tensor(small).unsqueeze(0).to(self.device))
        (found,) = found_in(heat, sides, self._config[LEAST_CONFIDENCE])

        edges = found.boxes.cpu().numpy() / np.tile(self.input_size, 2)  # in [0, 1] of the image
        # A rectangle includes its last row and column: one pixel less than the edge of the box.
        last = np.maximum(edges[:, 2:] - 1 / np.array(image.shape[:2]), edges[:, :2])
        prediction = DetectionNetworkPrediction(
            boxes=np.concatenate([edges[:, :2], last], axis=1),
            scores=found.scores.cpu().numpy(),
            classes=found.classes.cpu().numpy(),
        )
        # -1: the model has already dropped the boxes with a low score.
        labels = detection_preds_to_sly_rects(self.out_class_mapping, prediction, image.shape, -1, self.confidence)
        return sly.Annotation(img_size=image.shape[:2], labels=labels)


def main():
    default_mode = InfModeFullImage.make_default_config(model_result_suffix="_nn")
    BatchInferenceApplier(DetectionInference(), default_mode).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("DETECTION_INFERENCE", main)
