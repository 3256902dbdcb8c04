"""Inference with a model of `PytorchSegmentationTrainer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.nn.hosted.constants import SETTINGS
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.hosted.pytorch.constants import CUSTOM_MODEL_CONFIG
from supervisely_lib.nn.pytorch.cuda import to_device
from supervisely_lib.nn.pytorch.dataset import image_to_tensor
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.nn.raw_to_labels import segmentation_array_to_sly_bitmaps
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20


class PytorchSegmentationApplier(SingleImageInferenceBase):
    """Gives a bitmap label per class; `model_factory_fn` must be the factory of the training."""

    def __init__(self, model_factory_fn: Callable[..., Any]) -> None:
        self._model_factory_fn = model_factory_fn
        super().__init__()

    def _load_train_config(self) -> None:
        super()._load_train_config()
        self._determine_model_input_size()

    def _construct_and_fill_model(self) -> None:
        super()._construct_and_fill_model()
        model = self._model_factory_fn(
            num_classes=max(self.out_class_mapping) + 1,
            input_size=self.input_size,
            custom_model_config=self._of_training(SETTINGS).get(CUSTOM_MODEL_CONFIG, {}),
        )
        logger.info("Model has been instantiated.")
        model = WeightsRW(TaskPaths.MODEL_DIR).load_strictly(model)
        model.eval()
        self._model = to_device(model)
        logger.info("Model weights have been loaded.")

    def inference(self, image: NDArray[np.uint8], ann: Annotation) -> Annotation:
        batch = image_to_tensor(sly_image.resize(image, self.input_size)).unsqueeze(0)
        with torch.no_grad():
            scores = self._model(to_device(batch))
        per_pixel = np.transpose(np.squeeze(scores.data.cpu().numpy(), axis=0), (1, 2, 0))
        # Nearest, because interpolated scores between two classes could favour a third class.
        full_size = sly_image.resize_inter_nearest(per_pixel, image.shape[:2])
        labels = segmentation_array_to_sly_bitmaps(self.out_class_mapping, np.argmax(full_size, axis=2))
        return Annotation(img_size=image.shape[:2], labels=labels)
