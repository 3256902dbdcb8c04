"""The base class of training plugins, and its checkpoint folders."""

from __future__ import annotations

import os.path
from copy import deepcopy
from typing import Any

from supervisely_lib.annotation.obj_class_collection import ObjClassCollection
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.io.fs import get_directory_size, mkdir
from supervisely_lib.io.json import dump_json_file, load_json_file
from supervisely_lib.nn.config import required, update_recursively
from supervisely_lib.nn.dataset import samples_by_tags
from supervisely_lib.nn.hosted import class_indexing
from supervisely_lib.nn.hosted.constants import HEIGHT, INPUT_SIZE, SETTINGS, WIDTH
from supervisely_lib.project.project import read_single_project
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import report_checkpoint_saved

__all__ = [
    "BATCH_SIZE",
    "DATASET_TAGS",
    "EPOCHS",
    "HEIGHT",
    "INPUT_SIZE",
    "LOSS",
    "LR",
    "TRAIN",
    "VAL",
    "WEIGHTS_INIT_TYPE",
    "WIDTH",
    "SuperviselyModelTrainer",
    "TrainCheckpoints",
]

BATCH_SIZE = "batch_size"
LR = "lr"
DATASET_TAGS = "dataset_tags"
EPOCHS = "epochs"
LOSS = "loss"
TRAIN = "train"
VAL = "val"
WEIGHTS_INIT_TYPE = "weights_init_type"


class TrainCheckpoints:
    """Numbered folders below `base_out_dir`. The folder of the next checkpoint always exists (contract: model.md 4)."""

    def __init__(self, base_out_dir: str) -> None:
        self._base_out_dir = base_out_dir
        self._last_saved_dir: str | None = None
        self._idx = -1  # counts snapshots, not epochs
        self._prepare_next_dir()

    def _prepare_next_dir(self) -> None:
        self._idx += 1
        self._subdir = f"{self._idx:08}"
        self._odir = os.path.join(self._base_out_dir, self._subdir)
        mkdir(self._odir)

    def get_dir_to_write(self) -> str:
        """The existing folder of the next checkpoint."""
        return self._odir

    def get_last_ckpt_dir(self) -> str | None:
        """The folder of the last reported checkpoint; None before the first checkpoint."""
        return self._last_saved_dir

    def saved(self, is_best: Any, sizeb: int, optional_data: Any = None) -> None:
        """Report the current folder as a checkpoint of `sizeb` bytes and make the next folder.

        The first is always the best.
        """
        report_checkpoint_saved(
            checkpoint_idx=self._idx,
            subdir=self._subdir,
            sizeb=sizeb,
            best_now=is_best or self._idx == 0,
            optional_data=optional_data,
        )
        self._last_saved_dir = self._odir
        self._prepare_next_dir()


class SuperviselyModelTrainer:
    """Reads the task folder, then calls the hooks of a subclass in a fixed order. The subclass defines `train()`.

    The constructor reads the config and the project, determines classes and output config, collects the samples, and
    calls `_construct_data_loaders`, `_construct_and_fill_model`, `_construct_loss`.
    A subclass also defines `_determine_model_classes`, `_dump_model_weights` and `train`; while training it calls
    `_save_model_snapshot`. `default_config` is completed by the task's config; it is not changed.
    """

    config: dict[str, Any]  # defaults merged with the task's config
    out_classes: ObjClassCollection  # the output classes of the model
    class_title_to_idx: dict[str, int]
    out_config: dict[str, Any]  # the content of config.json in each checkpoint

    def __init__(self, default_config: dict[str, Any]) -> None:
        logger.info("Will init all required to train.")
        self._task_config = load_json_file(TaskPaths.TASK_CONFIG_PATH)
        self.checkpoints_saver = TrainCheckpoints(TaskPaths.RESULTS_DIR)
        self.project = read_single_project(TaskPaths.DATA_DIR)
        logger.info(f"Project structure has been read. Samples: {self.project.total_items}.")

        self._default_config = deepcopy(default_config)
        self._determine_config()
        self._determine_model_classes()
        self._determine_out_config()
        self._construct_samples_dct()
        self._construct_data_loaders()
        self._construct_and_fill_model()
        self._construct_loss()

        self.epoch_flt: float = 0

    @property
    def class_title_to_idx_key(self) -> str:
        """The key of title → id in config.json."""
        return "class_title_to_idx"

    @property
    def train_classes_key(self) -> str:
        """The key of the class list in config.json; many plugins use `out_classes`."""
        return "classes"

    def get_start_class_id(self) -> int:
        """The first id of a class; 0 is reserved for the background."""
        return 1

    def _validate_train_cfg(self, config: dict[str, Any]) -> None:
        """Raise an error if the complete config is not valid. It is called before any other use of the config."""

    def _determine_config(self) -> None:
        logger.info("Input config", extra={"config": self._task_config})
        config = deepcopy(self._default_config)
        update_recursively(config, self._task_config)
        logger.info("Full config", extra={"config": config})

        self._validate_train_cfg(config)
        self.config = config
        self._input_size: tuple[int, int] = (
            self._required(INPUT_SIZE, HEIGHT),
            self._required(INPUT_SIZE, WIDTH),
        )

    def _required(self, *path: str) -> Any:
        """The value of the complete config at a path of keys. A KeyError says who must give it."""
        return required(
            self.config, "the training config", "the plugin's defaults or the task's config must give it", *path
        )

    def _determine_model_classes_segmentation(self, bkg_input_idx: int | None) -> None:
        """Set bitmap classes.

        `special_classes` of the config may name a background (its id: the argument) and a neutral class.
        """
        self.out_classes, self.class_title_to_idx = class_indexing.create_segmentation_classes(
            in_project_classes=self.project.meta.obj_classes,
            special_classes_config=self.config.get("special_classes", {}),
            bkg_input_idx=bkg_input_idx,
            weights_init_type=self._required(WEIGHTS_INIT_TYPE),
            model_config_fpath=TaskPaths.MODEL_CONFIG_PATH,
            class_to_idx_config_key=self.class_title_to_idx_key,
            start_class_id=self.get_start_class_id(),
        )

    def _determine_model_classes_detection(self) -> None:
        """Set rectangle classes, one for each class of the project."""
        project_classes = self.project.meta.obj_classes
        self.out_classes = class_indexing.make_out_classes(project_classes, geometry_type=Rectangle)
        logger.info("Determined model out classes", extra={"classes": list(self.out_classes)})
        self.class_title_to_idx = class_indexing.infer_training_class_to_idx_map(
            self._required(WEIGHTS_INIT_TYPE),
            class_indexing.make_new_class_to_idx_map(project_classes, start_class_id=self.get_start_class_id()),
            TaskPaths.MODEL_CONFIG_PATH,
            class_to_idx_config_key=self.class_title_to_idx_key,
        )
        logger.info("Determined class mapping.", extra={"class_mapping": self.class_title_to_idx})

    def _determine_model_classes(self) -> None:
        """Set `out_classes` and `class_title_to_idx`, usually with one of the two methods above."""
        raise NotImplementedError

    def _determine_out_config(self) -> None:
        """Set `out_config`; override it to add values for the inference."""
        self.out_config = {
            SETTINGS: self.config,
            self.train_classes_key: self.out_classes.to_json(),
            self.class_title_to_idx_key: self.class_title_to_idx,
        }

    def _construct_samples_dct(self) -> None:
        logger.info("Will collect samples (image/annotation pairs).")
        self.name_to_tag = self._required(DATASET_TAGS)
        self._deprecated_samples_by_tag = samples_by_tags(list(self.name_to_tag.values()), self.project)
        self._samples_by_data_purpose = {
            purpose: self._deprecated_samples_by_tag[tag] for purpose, tag in self.name_to_tag.items()
        }

    def _construct_data_loaders(self) -> None:
        """Prepare the reading of samples. The config and the classes exist at this time, the model does not."""
        raise NotImplementedError

    def _construct_and_fill_model(self) -> None:
        """Build the model and load its weights."""
        raise NotImplementedError

    def _construct_loss(self) -> None:
        """Build the loss."""
        raise NotImplementedError

    def _dump_model_weights(self, out_dir: str) -> None:
        """Write the weights into the checkpoint's folder."""
        raise NotImplementedError

    def _save_model_snapshot(self, is_best: Any, opt_data: Any) -> None:
        """Write a checkpoint and report it. The report contains `opt_data` (JSON) unchanged."""
        out_dir = self.checkpoints_saver.get_dir_to_write()
        dump_json_file(self.out_config, os.path.join(out_dir, TaskPaths.MODEL_CONFIG_NAME))
        self._dump_model_weights(out_dir)
        self.checkpoints_saver.saved(is_best, get_directory_size(out_dir), opt_data)

    def train(self) -> None:
        """The training loop."""
        raise NotImplementedError
