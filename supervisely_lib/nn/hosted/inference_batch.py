"""Apply a model to every image of the task's project, as a pipeline.

While the model processes an image, threads read the next images and write the results of the previous images.
Results, order and progress lines are the same as in a plain loop.
"""

from __future__ import annotations

import os.path
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.imaging import image as sly_image
from supervisely_lib.io.json import load_json_file
from supervisely_lib.nn.config import AlwaysPassingConfigValidator
from supervisely_lib.nn.hosted.inference_modes import (
    MODE,
    InferenceModeBase,
    InferenceModeFactory,
    InfModeFullImage,
    get_effective_inference_mode_config,
)
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.nn.hosted.legacy.inference_config import maybe_convert_from_v1_inference_task_config
from supervisely_lib.project.project import Dataset, OpenMode, Project, read_single_project
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import Progress, report_inference_finished

if TYPE_CHECKING:
    from numpy.typing import NDArray  # numpy has it since 1.20

Task = TypeVar("Task")
Result = TypeVar("Result")

# Decoding and compressing release the interpreter lock, so two threads of each kind keep pace with a fast model.
# The pipeline needs memory only for waiting items: decoded images before the model, and results after it.
_THREADS = 2
_READ_AHEAD = 3
_WRITE_BEHIND = 3


def determine_task_inference_mode_config(default_inference_mode_config: dict[str, Any]) -> dict[str, Any]:
    """The complete mode config of the running task; errors as in `get_effective_inference_mode_config`."""
    task_config = maybe_convert_from_v1_inference_task_config(load_json_file(TaskPaths.TASK_CONFIG_PATH))
    logger.info("Input task config", extra={"config": task_config})
    config = get_effective_inference_mode_config(task_config.get(MODE, {}), default_inference_mode_config)
    logger.info("Full inference mode config", extra={"config": config})
    return config


class _Item(NamedTuple):
    out_dataset: Dataset
    name: str
    img_path: str
    ann_path: str


class BatchInferenceApplier:
    """Reads the task's project and writes it to the results, annotated by a model.

    The task's `mode` overrides `default_inference_mode_config`. `config_validator` is accepted for plugins that
    pass it, and not used: the mode checks its config itself.
    """

    def __init__(
        self,
        single_image_inference: SingleImageInferenceBase,
        default_inference_mode_config: dict[str, Any],
        config_validator: Any = None,
    ) -> None:
        self._single_image_inference = single_image_inference
        self._config_validator = config_validator or AlwaysPassingConfigValidator()
        self._inference_mode_config = determine_task_inference_mode_config(deepcopy(default_inference_mode_config))
        self._determine_input_data()
        logger.info("Dataset inference preparation done.")

    def _determine_input_data(self) -> None:
        self._in_project = read_single_project(TaskPaths.DATA_DIR)
        logger.info(f"Project structure has been read. Samples: {self._in_project.total_items}.")

    def run_inference(self) -> None:
        """Annotate every item, in the project's order, then report the end. The first failure ends the run."""
        mode = InferenceModeFactory.create(
            self._inference_mode_config, self._in_project.meta, self._single_image_inference
        )
        out_project = Project(os.path.join(TaskPaths.RESULTS_DIR, self._in_project.name), OpenMode.CREATE)
        out_project.set_meta(mode.out_meta)
        progress = Progress("Model applying: ", self._in_project.total_items)
        takes_pixels = _takes_pixels(mode, self._single_image_inference)

        def read(item: _Item) -> tuple[_Item, NDArray[np.uint8] | None, Annotation]:
            ann = Annotation.load_json_file(item.ann_path, mode.out_meta)
            return item, sly_image.read(item.img_path) if takes_pixels else None, ann

        def write(item: _Item, ann: Annotation) -> None:
            item.out_dataset.add_item_file(item.name, item.img_path, ann=ann, _validate_img=False, _use_hardlink=True)

        images = _ahead(read, self._items(out_project), _READ_AHEAD)
        with _Behind(_WRITE_BEHIND, progress.iter_done_report) as behind, closing(images) as read_items:
            for item, img, ann in read_items:
                logger.trace(
                    "Will process image", extra={"dataset_name": item.out_dataset.name, "image_name": item.name}
                )
                if img is None:
                    result = mode.infer_annotate_image_file(item.img_path, ann)
                else:
                    result = mode.infer_annotate(img, ann)
                behind.submit(write, item, result)
        report_inference_finished()

    def _items(self, out_project: Project) -> Iterator[_Item]:
        for in_dataset in self._in_project:
            out_dataset = out_project.create_dataset(in_dataset.name)
            for name in in_dataset:
                paths = in_dataset.get_item_paths(name)
                yield _Item(out_dataset, name, paths.img_path, paths.ann_path)


def _takes_pixels(mode: InferenceModeBase, model: Any) -> bool:
    """Whether the image may be read in advance: not if the mode or the model reads the file itself."""
    file_step = type(mode)._do_infer_annotate_image_file
    if type(mode).infer_annotate_image_file is not InferenceModeBase.infer_annotate_image_file:
        return False
    if file_step is InferenceModeBase._do_infer_annotate_image_file:
        return True
    by_file = getattr(model, "inference_image_file", None)
    model_step = getattr(by_file, "__func__", by_file)
    return file_step is InfModeFullImage._do_infer_annotate_image_file and (
        model_step is None or model_step is SingleImageInferenceBase.inference_image_file
    )


def _ahead(read: Callable[[Task], Result], tasks: Iterable[Task], count: int) -> Generator[Result, None, None]:
    """`map(read, tasks)` on threads, at most `count` results ahead. A failure is raised at the place of its task."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="read-ahead") as threads:
        try:
            for task in tasks:
                waiting.append(threads.submit(read, task))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Behind:
    """Runs calls on threads, and `done()` after each call, in the order of the calls; no `done()` after a failure.

    The first failure is raised by a later `submit` or at the end of the block.
    """

    def __init__(self, count: int, done: Callable[[], None]) -> None:
        self._count = count
        self._done = done
        self._waiting: deque[Future[None]] = deque()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="write-behind")

    def __enter__(self) -> _Behind:
        return self

    def __exit__(self, *_: object) -> None:
        with self._threads:
            self._finish(0)  # before a failure of the model is raised, because earlier items come first

    def submit(self, call: Callable[..., None], *args: Any) -> None:
        """Queue `call(*args)`. The method blocks while more than `count` calls wait."""
        self._finish(self._count)
        previous = self._waiting[-1] if self._waiting else None
        self._waiting.append(self._threads.submit(self._run, call, args, previous))

    def _run(self, call: Callable[..., None], args: tuple[Any, ...], previous: Future[None] | None) -> None:
        call(*args)
        if previous is not None:
            previous.result()  # the previous call was started first, so it ends; its failure is raised here
        self._done()

    def _finish(self, left: int) -> None:
        while len(self._waiting) > left:
            self._waiting.popleft().result()
