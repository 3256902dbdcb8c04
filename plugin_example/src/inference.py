"""Apply a trained model to the project in the task folder. The agent runs this script and reads its log lines."""

import os

# Torch reads this variable at its import. Without it, waiting threads keep a shared CPU busy: ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import supervisely_lib as sly
import torch
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import GPU_DEVICE, SingleImageInferenceBase
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.raw_to_labels import (
    segmentation_array_to_sly_bitmaps,
    segmentation_scores_to_per_class_labels,
)

from dataset import image_to_tensor
from model import SegmentationNet, best_device


class SegmentationInference(SingleImageInferenceBase):
    @staticmethod
    def get_default_config():
        return {GPU_DEVICE: 0}

    def _construct_and_fill_model(self):
        progress = sly.Progress("Building model:", 1)
        self._determine_model_input_size()
        sly.env.remap_gpu_devices([self._config[GPU_DEVICE]])
        self.device = best_device()
        num_classes = max(self.class_title_to_idx.values()) + 1
        model = SegmentationNet(num_classes, self.train_config["settings"]["width"])
        self.model = WeightsRW(sly.TaskPaths.MODEL_DIR).load_strictly(model).to(self.device).eval()
        progress.iter_done_report()

    @torch.no_grad()
    def inference(self, image, ann):
        small = sly.image.resize(image, self.input_size)  # (h, w, 3)
        scores = self.model(image_to_tensor(small).unsqueeze(0).to(self.device)).softmax(dim=1)  # (1, C, h, w)
        scores = torch.nn.functional.interpolate(scores, image.shape[:2], mode="bilinear")  # (1, C, H, W)
        scores = scores[0].permute(1, 2, 0).cpu().numpy()  # (H, W, C)
        return sly.Annotation(
            img_size=image.shape[:2],
            labels=segmentation_array_to_sly_bitmaps(self.out_class_mapping, scores.argmax(axis=2)),
            # The sliding window adds these up where windows overlap.
            pixelwise_scores_labels=segmentation_scores_to_per_class_labels(self.out_class_mapping, scores),
        )


def main():
    default_mode = InfModeFullImage.make_default_config(model_result_suffix="_nn")
    BatchInferenceApplier(SegmentationInference(), default_mode).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("SEGMENTATION_INFERENCE", main)
