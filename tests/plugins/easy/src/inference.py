"""Inference, with the applier of the SDK."""

from net import make_net

import supervisely_lib as sly
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.pytorch.inference_applier import PytorchSegmentationApplier


def main():
    applier = BatchInferenceApplier(
        single_image_inference=PytorchSegmentationApplier(model_factory_fn=make_net),
        default_inference_mode_config=InfModeFullImage.make_default_config(model_result_suffix="_easy"),
    )
    applier.run_inference()


if __name__ == "__main__":
    sly.main_wrapper("EASY_INFERENCE", main)
