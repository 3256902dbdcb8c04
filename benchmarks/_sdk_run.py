"""A measured run on either SDK, in a process of its own: `python _sdk_run.py official|ours WHAT FOLDER`.

WHAT is masks, epoch, batch, or model: the model of `batch` without anything around it.

It prints the seconds of the work itself. It runs in the environment of that SDK, so the only module of this project
that it may import is the oracle, which finds the modules of the SDK.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "interop"))
import oracle_nn
import oracle_nn_run

MODEL_S = 0.005


def masks(sdk: oracle_nn.Sdk, folder: Path) -> float:
    """Seconds of CPU to read every annotation of the project and draw it as class ids."""
    project = sdk.module("project.project").read_single_project(str(folder / "data"))
    ids = {item.name: index for index, item in enumerate(project.meta.obj_classes)}
    dataset = sdk.nn("dataset").SlyDataset(project.meta, [], (480, 640), ids, -1)
    paths = [dataset_.get_item_paths(name).ann_path for dataset_ in project for name in dataset_]
    dataset.make_gt((480, 640), dataset.load_annotation(paths[0]))  # load the lazy modules
    start = time.process_time()
    for path in paths:
        dataset.make_gt((480, 640), dataset.load_annotation(path))
    return time.process_time() - start


def epoch(sdk: oracle_nn.Sdk, folder: Path) -> float:
    """Seconds of CPU to read every image and annotation as a sample of half the size."""
    project = sdk.module("project.project").read_single_project(str(folder / "data"))
    ids = {item.name: index for index, item in enumerate(project.meta.obj_classes)}
    paths = [dataset.get_item_paths(name) for dataset in project for name in dataset]
    samples = [(one.img_path, one.ann_path) for one in paths]
    dataset = sdk.nn("dataset").SlyDataset(project.meta, samples, (240, 320), ids, -1)
    dataset[0]  # loads the lazy modules
    start = time.process_time()
    for index in range(len(dataset)):
        dataset[index]
    return time.process_time() - start


def batch(sdk: oracle_nn.Sdk, _: Path) -> float:
    """BatchInferenceApplier with a model that takes 5 ms per image without the interpreter lock, like a GPU."""
    default = sdk.nn("hosted.inference_modes").InfModeFullImage.make_default_config(model_result_suffix="_net")
    applier = sdk.nn("hosted.inference_batch").BatchInferenceApplier(_model(sdk), default)
    start = time.perf_counter()
    applier.run_inference()
    return time.perf_counter() - start


def model(sdk: oracle_nn.Sdk, folder: Path) -> float:
    """The model alone: images are read before, and what it finds is thrown away."""
    images = [sdk.sly.image.read(str(path)) for path in sorted(folder.glob("data/*/*/img/*"))]
    alone = _model(sdk)
    start = time.perf_counter()
    for image in images:
        alone.inference(image, None)
    return time.perf_counter() - start


def _model(sdk: oracle_nn.Sdk) -> Any:
    base = sdk.nn("hosted.inference_single_image").SingleImageInferenceBase
    sly = sdk.sly

    class Model(base):  # type: ignore[valid-type, misc]  # known at run time
        def inference(self, image: Any, ann: Any) -> Any:  # noqa: ARG002 - the official signature
            time.sleep(MODEL_S)
            obj_class = self.out_class_mapping[1]
            label = sly.Label(sly.Bitmap(image[:, :, 0] > 128), obj_class)
            return sly.Annotation(img_size=image.shape[:2], labels=[label])

    return Model()


if __name__ == "__main__":
    which, what, where = sys.argv[1:]
    chosen = oracle_nn.official() if which == "official" else oracle_nn.ours()
    oracle_nn_run.at(chosen, where)
    print({"masks": masks, "epoch": epoch, "batch": batch, "model": model}[what](chosen, Path(where)))
