"""Apply a model to every image with several processes, each with a model of its own."""

from __future__ import annotations

import multiprocessing
import os.path
from collections.abc import Callable, Iterator
from copy import deepcopy
from multiprocessing.connection import Connection, wait
from typing import Any, Tuple

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.nn.config import AlwaysPassingConfigValidator
from supervisely_lib.nn.hosted.inference_batch import determine_task_inference_mode_config
from supervisely_lib.nn.hosted.inference_modes import InferenceModeFactory
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.project.project import OpenMode, Project, read_single_project
from supervisely_lib.project.project_meta import ProjectMeta
from supervisely_lib.sly_logger import logger
from supervisely_lib.task.paths import TaskPaths
from supervisely_lib.task.progress import Progress, report_inference_finished

# Plugins pass closures as initializers; only a forked process has them.
_FORK = multiprocessing.get_context("fork")

_FAILED = "One of the inference processes encountered an error."

_Item = Tuple[str, str]  # (dataset name, item name)


class BatchInferenceMultiprocessApplier:
    """As `BatchInferenceApplier`, with `num_processes` processes. Each calls the initializer to build its model."""

    def __init__(
        self,
        single_image_inference_initializer: Callable[[], SingleImageInferenceBase],
        num_processes: int,
        default_inference_mode_config: dict[str, Any],
        config_validator: Any = None,
    ) -> None:
        self._initializer = single_image_inference_initializer
        self._num_processes = num_processes
        self._config_validator = config_validator or AlwaysPassingConfigValidator()
        self._inference_mode_config = determine_task_inference_mode_config(deepcopy(default_inference_mode_config))
        self._in_project = read_single_project(TaskPaths.DATA_DIR)
        logger.info(f"Project structure has been read. Samples: {self._in_project.total_items}.")
        logger.info("Dataset inference preparation done.")

    def run_inference(self) -> None:
        """Annotate every item, in any order, then report the end.

        RuntimeError as soon as a process fails; the log lines of that process say why.
        """
        out_project = Project(os.path.join(TaskPaths.RESULTS_DIR, self._in_project.name), OpenMode.CREATE)
        for dataset in self._in_project:
            out_project.create_dataset(dataset.name)

        workers = [self._start(out_project) for _ in range(self._num_processes)]
        try:
            self._share_out(out_project, [connection for _, connection in workers])
            for process, _ in workers:
                process.join()
                if process.exitcode != 0:
                    raise RuntimeError(_FAILED)
        finally:
            for process, connection in workers:
                connection.close()
                process.terminate()
                process.join()
        report_inference_finished()

    def _start(self, out_project: Project) -> tuple[Any, Connection]:
        ours, theirs = _FORK.Pipe()
        process = _FORK.Process(target=self._work, args=(theirs, out_project), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def _share_out(self, out_project: Project, workers: list[Connection]) -> None:
        """Send items to the workers until no item is left.

        A worker gets an item when it is ready or has finished an item.
        """
        items, has_meta = self._items(), False
        progress = Progress("Model applying: ", self._in_project.total_items)
        while workers:
            for connection in wait(workers):
                assert isinstance(connection, Connection)
                try:
                    meta_json = connection.recv()
                    item = next(items, None)
                    connection.send(item)
                except (EOFError, ConnectionError):
                    raise RuntimeError(_FAILED) from None
                if meta_json is None:
                    progress.iter_done_report()
                elif not has_meta:
                    out_project.set_meta(ProjectMeta.from_json(meta_json))
                    has_meta = True
                if item is None:
                    workers.remove(connection)

    def _items(self) -> Iterator[_Item]:
        for dataset in self._in_project:
            for name in dataset:
                logger.trace("Will process image", extra={"dataset_name": dataset.name, "image_name": name})
                yield dataset.name, name

    def _work(self, master: Connection, out_project: Project) -> None:
        """The main function of a worker: send the output meta, then None after each item; end when it receives None."""
        try:
            mode = InferenceModeFactory.create(self._inference_mode_config, self._in_project.meta, self._initializer())
            master.send(mode.out_meta.to_json())
            while (item := master.recv()) is not None:
                dataset_name, name = item
                paths = self._in_project.datasets.get(dataset_name).get_item_paths(name)
                ann = Annotation.load_json_file(paths.ann_path, mode.out_meta)
                out_project.datasets.get(dataset_name).add_item_file(
                    name,
                    paths.img_path,
                    ann=mode.infer_annotate_image_file(paths.img_path, ann),
                    _validate_img=False,
                    _use_hardlink=True,
                )
                master.send(None)
        except (EOFError, BrokenPipeError):
            return  # the main process has ended and has logged the reason
        except Exception as error:
            logger.error("Inference process failed.", exc_info=True, extra={"exc_str": str(error)})
            raise SystemExit(1) from error
