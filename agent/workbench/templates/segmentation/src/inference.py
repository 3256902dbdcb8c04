"""Apply a trained model to the project in the task folder. The agent runs this script and reads its log lines."""

import os

import supervisely_lib as sly

sly.logger.info("Loading torch.")  # it takes seconds, in which nothing else would be seen
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else waiting threads of torch keep a shared CPU busy

import torch
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.raw_to_labels import (
    segmentation_array_to_sly_bitmaps,
    segmentation_scores_to_per_class_labels,
)

from dataset import image_to_tensor
from model import Net, best_device


class Inference(SingleImageInferenceBase):
    def _construct_and_fill_model(self):
        super()._construct_and_fill_model()
        self._determine_model_input_size()
        self.device = best_device()
        model = Net(max(self.class_title_to_idx.values()) + 1, self.train_config["settings"]["width"])
        self.model = WeightsRW(sly.TaskPaths.MODEL_DIR).load_strictly(model).to(self.device).eval()

    @torch.no_grad()
    def inference(self, image, ann):
        """image (H, W, 3) uint8 → its annotation: bitmaps, and scores, which the sliding window adds up."""
        small = image_to_tensor(sly.image.resize(image, self.input_size)).unsqueeze(0).to(self.device)
        scores = self.model(small).softmax(dim=1)  # (1, C, h, w)
        scores = torch.nn.functional.interpolate(scores, image.shape[:2], mode="bilinear")[0]
        scores = scores.permute(1, 2, 0).cpu().numpy()  # (H, W, C)
        return sly.Annotation(
            image.shape[:2],
            labels=segmentation_array_to_sly_bitmaps(self.out_class_mapping, scores.argmax(axis=2)),
            pixelwise_scores_labels=segmentation_scores_to_per_class_labels(self.out_class_mapping, scores),
        )


def main():
    default_mode = InfModeFullImage.make_default_config(model_result_suffix="_nn")
    BatchInferenceApplier(Inference(), default_mode).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("MY_PLUGIN_INFERENCE", main)
