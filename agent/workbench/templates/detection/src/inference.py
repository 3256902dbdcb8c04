"""Apply a trained detector to the project in the task folder. The agent runs this script and reads its log lines."""

import os

import supervisely_lib as sly

sly.logger.info("Loading torch.")  # it takes seconds, in which nothing else would be seen
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else waiting threads of torch keep a shared CPU busy

import numpy as np
import torch
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import CONFIDENCE, InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.raw_to_labels import DetectionNetworkPrediction, detection_preds_to_sly_rects

from boxes import found_in
from dataset import image_to_tensor
from model import Net, best_device


class Inference(SingleImageInferenceBase):
    @staticmethod
    def get_default_config():
        return {"confidence_tag_name": CONFIDENCE, "min_confidence_threshold": 0.3}

    def _model_out_tags(self):
        self.confidence = sly.TagMeta(self._config["confidence_tag_name"], sly.TagValueType.ANY_NUMBER)
        return sly.TagMetaCollection([self.confidence])

    def _construct_and_fill_model(self):
        super()._construct_and_fill_model()
        self._determine_model_input_size()
        self.device = best_device()
        model = Net(max(self.class_title_to_idx.values()) + 1, self.train_config["settings"]["width"])
        self.model = WeightsRW(sly.TaskPaths.MODEL_DIR).load_strictly(model).to(self.device).eval()

    @torch.no_grad()
    def inference(self, image, ann):
        """image (H, W, 3) uint8 → its annotation: rectangles with a tag for their confidence."""
        small = image_to_tensor(sly.image.resize(image, self.input_size)).unsqueeze(0).to(self.device)
        heat, sides = self.model(small)
        least = self._config["min_confidence_threshold"]
        boxes, classes, scores = (part.cpu().numpy() for part in found_in(heat[0], sides[0], least))

        edges = (boxes / np.tile(self.input_size, 2)).clip(0, 1)  # in [0, 1] of the image
        # A rectangle includes its last row and column: one pixel less than the edge of the box.
        last = np.maximum(edges[:, 2:] - 1 / np.array(image.shape[:2]), edges[:, :2])
        prediction = DetectionNetworkPrediction(np.concatenate([edges[:, :2], last], axis=1), scores, classes)
        # -1: boxes with a low score are dropped already.
        labels = detection_preds_to_sly_rects(self.out_class_mapping, prediction, image.shape, -1, self.confidence)
        return sly.Annotation(img_size=image.shape[:2], labels=labels)


def main():
    default_mode = InfModeFullImage.make_default_config(model_result_suffix="_nn")
    BatchInferenceApplier(Inference(), default_mode).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("MY_PLUGIN_INFERENCE", main)
