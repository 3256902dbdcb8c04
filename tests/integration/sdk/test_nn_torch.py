"""The ready-made torch trainer and applier: train, continue, transfer, infer."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.geometry.bitmap import Bitmap
from supervisely_lib.geometry.point import Point
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.polygon import Polygon
from supervisely_lib.geometry.polyline import Polyline
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted.pytorch.inference_applier import PytorchSegmentationApplier
from supervisely_lib.nn.hosted.pytorch.trainer import PytorchSegmentationTrainer
from supervisely_lib.nn.pytorch.dataset import image_to_tensor
from supervisely_lib.nn.pytorch.inference import infer_per_pixel_scores_single_image
from supervisely_lib.nn.pytorch.weights import WeightsRW
from supervisely_lib.sly_logger import EventType
from tests.integration.sdk.conftest import Lines, TaskFolder


class Net(torch.nn.Module):
    def __init__(self, num_classes: int, input_size: tuple[int, int], custom_model_config: Any) -> None:
        super().__init__()
        self.input_size = input_size
        self.body = torch.nn.Conv2d(3, custom_model_config.get("width", 4), 3, padding=1)
        self._head_layer = torch.nn.Conv2d(custom_model_config.get("width", 4), num_classes, 1)

    def forward(self, images: Any) -> Any:
        assert tuple(images.shape[2:]) == self.input_size
        return self._head_layer(torch.relu(self.body(images)))


def accuracy(outputs: Any, targets: Any) -> Any:
    return (outputs.argmax(dim=1) == targets).float().mean()


def trainer() -> PytorchSegmentationTrainer:
    torch.manual_seed(0)
    return PytorchSegmentationTrainer(Net, torch.nn.CrossEntropyLoss(), {"accuracy": accuracy}, {"width": 5})


@pytest.fixture
def task_with_model(task: TaskFolder) -> TaskFolder:
    task.project(images=5)
    task.config(input_size={"width": 8, "height": 6}, epochs=2, val_every=0.5, lr=0.05)
    WeightsRW(str(task.root / "model")).save(Net(2, (6, 8), {"width": 5}))
    return task


def move_last_checkpoint(task: TaskFolder, name: str) -> None:
    shutil.rmtree(task.root / "model")
    shutil.copytree(task.results / name, task.root / "model")
    shutil.rmtree(task.results)
    task.results.mkdir()


def test_a_training_reports_metrics_progress_and_checkpoints(task_with_model: TaskFolder, lines: Lines) -> None:
    trainer().train()

    metrics = lines.events(EventType.METRICS)
    train = [item for item in metrics if item["type"] == "train"]
    val = [item for item in metrics if item["type"] == "val"]
    assert [item["epoch"] for item in train] == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    assert [item["epoch"] for item in val] == [0.5, 1.0, 1.5, 2.0]
    assert set(train[0]["metrics"]) == set(val[0]["metrics"]) == {"loss", "accuracy"}
    assert len(lines.events(EventType.CHECKPOINT)) == 4
    bars = [(item["subtask"], item["current"], item["total"]) for item in lines.events(EventType.PROGRESS)]
    assert bars[-1] == ("Model training: ", 8, 8)
    assert ("Building model:", 1, 1) in bars


def test_what_was_trained_infers_and_trains_on(task_with_model: TaskFolder, lines: Lines) -> None:
    trainer().train()
    last = lines.events(EventType.CHECKPOINT)[-1]
    move_last_checkpoint(task_with_model, last["subdir"])

    task_with_model.config(model={"gpu_device": 0}, mode={})
    applier = PytorchSegmentationApplier(Net)
    image = np.zeros((12, 16, 3), dtype=np.uint8)
    found = applier.inference(image, Annotation(img_size=(12, 16)))
    assert {label.obj_class.name for label in found.labels} <= {"leaf", "sky", "stone"}
    assert sum(label.geometry.area for label in found.labels) == 12 * 16

    task_with_model.config(
        input_size={"width": 8, "height": 6}, epochs=1, val_every=1, lr=0.0, weights_init_type="continue_training"
    )
    lines.records.clear()
    trainer().train()
    [val] = [item for item in lines.events(EventType.METRICS) if item["type"] == "val"]
    assert val["metrics"]["loss"] == pytest.approx(last["optional"]["val_metrics"]["loss"])


def test_pixels_without_a_class_are_refused(task: TaskFolder) -> None:
    task.project(covered=False)
    task.config(input_size={"width": 8, "height": 6})
    WeightsRW(str(task.root / "model")).save(Net(2, (6, 8), {"width": 5}))

    with pytest.raises(ValueError, match="not fully covered by the segmentation labeling"):
        trainer().train()


def test_a_metric_cannot_be_called_loss() -> None:
    with pytest.raises(ValueError, match="the name 'loss' is taken"):
        PytorchSegmentationTrainer(Net, torch.nn.CrossEntropyLoss(), {"loss": accuracy})


def test_scores_of_one_image_sum_to_one_and_have_its_size() -> None:
    image = image_to_tensor(np.full((6, 8, 3), 255, dtype=np.uint8))
    assert (image.dtype, tuple(image.shape), image.max().item()) == (torch.float32, (3, 6, 8), 1.0)
    model = Net(3, (6, 8), {})
    if torch.cuda.is_available():
        model.cuda()

    scores = infer_per_pixel_scores_single_image(model, image, (12, 16))

    assert scores.shape == (12, 16, 3)
    assert scores.sum(axis=2) == pytest.approx(np.ones((12, 16)), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float32])
def test_every_shape_is_drawn_on_a_tensor_as_on_an_array(dtype: torch.dtype) -> None:
    corners = [PointLocation(1, 1), PointLocation(1, 8), PointLocation(9, 6)]
    shapes = [
        Bitmap(np.eye(7, dtype=bool)),
        Rectangle(2, 3, 6, 7),
        Polygon(corners, [[PointLocation(3, 4), PointLocation(4, 6), PointLocation(5, 5)]]),
        Polyline(corners),
        Point(4, 5),
    ]
    for shape in shapes:
        for draw in (shape.draw, shape.draw_contour):
            tensor = torch.zeros((11, 12), dtype=dtype)
            array = tensor.numpy().copy()

            draw(tensor, 1)
            draw(array, 1)

            assert array.any()
            assert np.array_equal(tensor.numpy(), array)
