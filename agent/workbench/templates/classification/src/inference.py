"""Apply a trained classifier to the project in the task folder. The agent runs this script and reads its log lines."""

import os

import supervisely_lib as sly

sly.logger.info("Loading torch.")  # it takes seconds, in which nothing else would be seen
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else waiting threads of torch keep a shared CPU busy

import torch
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.pytorch.weights import WeightsRW

from dataset import image_to_tensor
from model import Net, best_device

TAGS = "classification_tags"  # in config.json of a model: its tags, and their ids
TAG_IDS = "classification_tags_to_idx"


class Inference(SingleImageInferenceBase):
    def _model_out_tags(self):
        """The tags of the training, with the confidence as their value."""
        names = sorted(self.train_config[TAG_IDS], key=self.train_config[TAG_IDS].get)
        self.tag_metas = [sly.TagMeta(name, sly.TagValueType.ANY_NUMBER) for name in names]
        return sly.TagMetaCollection(self.tag_metas)

    def _construct_and_fill_model(self):
        super()._construct_and_fill_model()
        self._determine_model_input_size()
        self.device = best_device()
        model = Net(len(self.tag_metas), self.train_config["settings"]["width"])
        self.model = WeightsRW(sly.TaskPaths.MODEL_DIR).load_strictly(model).to(self.device).eval()

    @torch.no_grad()
    def inference(self, image, ann):
        """image (H, W, 3) uint8 → its annotation: the most probable tag, with its probability."""
        small = image_to_tensor(sly.image.resize(image, self.input_size)).unsqueeze(0).to(self.device)
        scores = self.model(small).softmax(dim=1)[0].cpu()
        best = int(scores.argmax())
        tag = sly.Tag(self.tag_metas[best], value=round(float(scores[best]), 4))
        return sly.Annotation(img_size=image.shape[:2], img_tags=sly.TagCollection([tag]))


def main():
    default_mode = InfModeFullImage.make_default_config(model_result_suffix="_nn")
    BatchInferenceApplier(Inference(), default_mode).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("MY_PLUGIN_INFERENCE", main)
