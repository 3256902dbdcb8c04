"""Finds a thing in the corner of each image. Without deploy.py beside it."""

import sys

import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase

THING = sly.ObjClass("thing", sly.Rectangle)


class Corner(SingleImageInferenceBase):
    def __init__(self, task_model_config=None):
        pass  # no weights

    def get_out_meta(self):
        return sly.ProjectMeta(obj_classes=sly.ObjClassCollection([THING]))

    @property
    def model_out_meta(self):
        return self.get_out_meta()

    def inference(self, image, ann):
        return sly.Annotation(image.shape[:2], [sly.Label(sly.Rectangle(0, 0, 1, 2), THING)])


if __name__ == "__main__":
    sys.exit("inference.py is imported, not run")
