"""Answer requests of a deployed model until its task is stopped. The agent runs this script and reads its log lines."""

import supervisely_lib as sly
from supervisely_lib.nn.hosted.deploy import ModelDeploy

from inference import SegmentationInference


def main():
    ModelDeploy(model_applier_cls=SegmentationInference).run()


if __name__ == "__main__":
    sly.main_wrapper("SEGMENTATION_DEPLOY", main)
