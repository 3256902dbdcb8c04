"""Finds a thing whose place depends on the image's pixels: the same for a project and for a single request."""

import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase

THING = sly.ObjClass("thing", sly.Rectangle)


class Pixels(SingleImageInferenceBase):
    def __init__(self, task_model_config=None):
        pass  # no weights

    def get_out_meta(self):
        return sly.ProjectMeta(obj_classes=sly.ObjClassCollection([THING]))

    @property
    def model_out_meta(self):
        return self.get_out_meta()

    def inference(self, image, ann):
        height, width = image.shape[:2]
        right, bottom = int(image[..., 0].sum()) % width, int(image[..., 1].sum()) % height
        return sly.Annotation((height, width), [sly.Label(sly.Rectangle(0, 0, bottom, right), THING)])


def main():
    BatchInferenceApplier(Pixels(), InfModeFullImage.make_default_config(model_result_suffix="_model")).run_inference()


if __name__ == "__main__":
    sly.main_wrapper("PIXELS_INFERENCE", main)
