"""The base class of inference plugins: a model that annotates one image."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.obj_class import ObjClass
from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.io.json import load_json_file
from supervisely_lib.nn.config import required, update_recursively
from supervisely_lib.nn.hosted.constants import HEIGHT, INPUT_SIZE, MODEL, SETTINGS, WIDTH
from supervisely_lib.nn.hosted.legacy.inference_config import (
    maybe_convert_from_deploy_task_config,
    maybe_convert_from_v1_inference_task_config,
)
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

GPU_DEVICE = "gpu_device"

# Official base classes write `classes`, many plugins `out_classes`: both are read (contract: model.md 2).
_CLASS_LIST_KEYS = ("classes", "out_classes")


class SingleImageInferenceBase:
    """Reads the model state of the task, then builds the model.

    A subclass defines `inference` and usually `_construct_and_fill_model`, which may use `_config`, `train_config`,
    `class_title_to_idx` and `out_class_mapping`. `task_model_config` replaces the task config's `model` section.
    """

    train_config: dict[str, Any]  # config.json of the model state
    class_title_to_idx: dict[str, int]
    out_class_mapping: dict[int, ObjClass]  # without the classes that are internal to the model
    input_size: tuple[int, int]  # (height, width), after _determine_model_input_size

    def __init__(self, task_model_config: dict[str, Any] | None = None, _load_model_weights: bool = True) -> None:
        logger.info("Starting base single image inference applier init.")
        model_config = self._load_task_model_config() if task_model_config is None else deepcopy(task_model_config)
        self._config = update_recursively(deepcopy(self.get_default_config()), model_config)
        self._validate_model_config(self._config)
        self._load_train_config()
        if _load_model_weights:
            self._construct_and_fill_model()
        logger.info("Base single image inference applier init done.")

    def inference(self, image: NDArray[np.uint8], ann: Annotation) -> Annotation:
        """The results of the model for `image`, (H, W, 3) RGB.

        `ann` is its annotation, which is not part of the result.
        """
        raise NotImplementedError

    def inference_image_file(self, image_file: str, ann: Annotation) -> Annotation:
        """As `inference`, for an image file. Override it if the model reads files itself."""
        return self.inference(sly_image.read(image_file), ann)

    def _construct_and_fill_model(self) -> None:
        """Build the model and load its weights. The base class only reports the progress of the step."""
        Progress("Building model:", 1).iter_done_report()

    def _validate_model_config(self, config: Any) -> None:
        """Raise an error if the task's `model` section, completed by the defaults, is not valid."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Defaults of the task config's `model` section."""
        return {}

    @property
    def class_title_to_idx_key(self) -> str:
        """The key of title → id in config.json."""
        return "class_title_to_idx"

    @property
    def train_classes_key(self) -> str:
        """The key of the class list in config.json; if it is missing, `classes` or `out_classes` is read instead."""
        return "classes"

    @property
    def model_out_meta(self) -> ProjectMeta:
        """Classes and tags that the model may output."""
        return self._model_out_meta

    def get_out_meta(self) -> ProjectMeta:
        return self._model_out_meta

    def _model_out_tags(self) -> TagMetaCollection:
        """Tags that the model may output; none by default."""
        return TagMetaCollection()

    def _load_raw_model_config_json(self) -> None:
        try:
            self.train_config = load_json_file(TaskPaths.MODEL_CONFIG_PATH)
        except FileNotFoundError:
            raise RuntimeError("Unable to run inference, config from training was not found.") from None

    @staticmethod
    def _load_task_model_config() -> dict[str, Any]:
        raw_config = maybe_convert_from_deploy_task_config(load_json_file(TaskPaths.TASK_CONFIG_PATH))
        section: dict[str, Any] = maybe_convert_from_v1_inference_task_config(raw_config)[MODEL]
        return section

    def _load_train_config(self) -> None:
        self._load_raw_model_config_json()

        self.class_title_to_idx = self._from_train_config(self.class_title_to_idx_key)
        logger.info("Read model internal class mapping", extra={"class_mapping": self.class_title_to_idx})
        classes = ObjClassCollection.from_json(self._from_train_config(self.train_classes_key))
        logger.info("Read model out classes", extra={"classes": classes.to_json()})

        self._model_out_meta = ProjectMeta(obj_classes=classes, tag_metas=self._model_out_tags())
        by_title = {item.name: item for item in classes}
        self.out_class_mapping = {
            class_id: by_title[title] for title, class_id in self.class_title_to_idx.items() if title in by_title
        }

    def _from_train_config(self, key: str) -> Any:
        names = (key, *_CLASS_LIST_KEYS) if key in _CLASS_LIST_KEYS else (key,)
        for name in names:
            if name in self.train_config:
                return self.train_config[name]
        return self._of_training(key)

    def _of_training(self, *path: str) -> Any:
        """The value of the model's config.json at a path of keys. A KeyError names the file and the key."""
        place = f"the model's {TaskPaths.MODEL_CONFIG_PATH}"
        return required(self.train_config, place, "another plugin wrote it, or a training without this setting", *path)

    def _determine_model_input_size(self) -> None:
        """Set `input_size` from the settings the model was trained with."""
        self.input_size = (
            self._of_training(SETTINGS, INPUT_SIZE, HEIGHT),
            self._of_training(SETTINGS, INPUT_SIZE, WIDTH),
        )
        logger.info(
            "Model input size is read (for auto-rescale).",
            extra={INPUT_SIZE: {WIDTH: self.input_size[1], HEIGHT: self.input_size[0]}},
        )
