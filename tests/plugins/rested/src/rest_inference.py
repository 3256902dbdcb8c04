"""A program of 2020: it serves its model with a server of its own. No other file says which model that is."""

import os

import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.inference.rest_constants import REST_INFERENCE_PORT
from supervisely_lib.nn.inference.rest_server import ModelRest, RestInferenceServer
from supervisely_lib.worker_api.rpc_servicer import InactiveRPCServicer

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


def main():
    model = ModelRest(model_applier_cls=Corner, rpc_servicer_cls=InactiveRPCServicer)
    server = RestInferenceServer(model=model.serv_instance, name=__file__, port=os.getenv(REST_INFERENCE_PORT, ""))
    server.run()


if __name__ == "__main__":
    main()
