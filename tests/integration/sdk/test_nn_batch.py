"""A model applied to a whole project: by one process, by several processes, and with failures."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from supervisely_lib.annotation.annotation import Annotation
from supervisely_lib.annotation.label import Label
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.nn.hosted.inference_batch import BatchInferenceApplier
from supervisely_lib.nn.hosted.inference_batch_multiprocess import BatchInferenceMultiprocessApplier
from supervisely_lib.nn.hosted.inference_modes import InfModeFullImage
from supervisely_lib.nn.hosted.inference_single_image import SingleImageInferenceBase
from supervisely_lib.sly_logger import EventType
from supervisely_lib.task.paths import TaskPaths
from tests.integration.sdk.conftest import Lines, TaskFolder

DEFAULT_MODE = InfModeFullImage.make_default_config(model_result_suffix="_box")
MODEL = {
    "settings": {"input_size": {"width": 4, "height": 3}},
    "classes": [{"title": "thing", "shape": "rectangle", "color": "#123456"}],
    "class_title_to_idx": {"thing": 1, "internal": 2},
}


class Boxer(SingleImageInferenceBase):
    """A model that returns a box of the width in the image's first pixel. It may fail at an image, or read the file."""

    fails_at = -1
    calls = 0

    def inference(self, image: Any, ann: Annotation) -> Annotation:
        if self.calls == self.fails_at:
            raise RuntimeError("the model broke")
        self.calls += 1
        box = Rectangle(0, 0, 3, int(image[0, 0, 0]) % 10)
        return Annotation(img_size=image.shape[:2], labels=[Label(box, self.out_class_mapping[1])])


@pytest.fixture
def ready(task: TaskFolder) -> TaskFolder:
    task.config(model={"gpu_device": 0}, mode={})
    task.model_config(**MODEL)
    task.project(images=12)
    return task


def progress(lines: Lines) -> list[tuple[str, int, int]]:
    return [(item["subtask"], item["current"], item["total"]) for item in lines.events(EventType.PROGRESS)]


def annotations_of(task: TaskFolder) -> dict[str, Any]:
    files = sorted((task.results / "garden" / "ds" / "ann").iterdir())
    return {path.name: json.loads(path.read_text()) for path in files}


def test_every_item_is_annotated_and_reported_in_order(ready: TaskFolder, lines: Lines) -> None:
    BatchInferenceApplier(Boxer(), DEFAULT_MODE).run_inference()

    results = annotations_of(ready)
    assert len(results) == 12
    for ann in results.values():
        assert [item["classTitle"] for item in ann["objects"]] == ["sky", "leaf", "thing_box"]
    meta = json.loads((ready.results / "garden" / "meta.json").read_text())
    assert [item["title"] for item in meta["classes"]] == ["stone", "leaf", "sky", "thing_box"]

    expected = [("Model applying: ", done, 12) for done in range(13)]
    assert [bar for bar in progress(lines) if bar[0] == "Model applying: "] == expected
    assert vars(lines.records[-1])["event_type"] is EventType.MODEL_APPLIED
    shown = [vars(record)["image_name"] for record in lines.records if record.getMessage() == "Will process image"]
    assert shown == [f"i{index:03}.png" for index in range(12)]


def test_images_are_linked_not_copied(ready: TaskFolder) -> None:
    BatchInferenceApplier(Boxer(), DEFAULT_MODE).run_inference()

    source = ready.root / "data" / "garden" / "ds" / "img" / "i000.png"
    assert (ready.results / "garden" / "ds" / "img" / "i000.png").samefile(source)


def test_a_failing_model_ends_the_run_after_the_items_before_it(ready: TaskFolder, lines: Lines) -> None:
    model = Boxer()
    model.fails_at = 5

    with pytest.raises(RuntimeError, match="the model broke"):
        BatchInferenceApplier(model, DEFAULT_MODE).run_inference()

    assert len(annotations_of(ready)) == 5
    assert progress(lines)[-1] == ("Model applying: ", 5, 12)
    assert lines.events(EventType.MODEL_APPLIED) == []
    assert [thread for thread in threading.enumerate() if "ahead" in thread.name or "behind" in thread.name] == []


def test_an_unreadable_image_ends_the_run_in_its_turn(ready: TaskFolder, lines: Lines) -> None:
    (ready.root / "data" / "garden" / "ds" / "img" / "i003.png").write_bytes(b"no image")

    with pytest.raises(Exception, match=r"i003\.png"):
        BatchInferenceApplier(Boxer(), DEFAULT_MODE).run_inference()

    assert len(annotations_of(ready)) == 3


def test_a_result_that_cannot_be_written_ends_the_run(ready: TaskFolder, lines: Lines) -> None:
    class InTheWay(Boxer):
        def inference(self, image: Any, ann: Annotation) -> Annotation:
            if self.calls == 4:
                (ready.results / "garden" / "ds" / "ann" / "i004.png.json").mkdir()
            return super().inference(image, ann)

    with pytest.raises(OSError, match=r"i004\.png"):
        BatchInferenceApplier(InTheWay(), DEFAULT_MODE).run_inference()

    assert progress(lines)[-1] == ("Model applying: ", 4, 12)


def test_a_model_that_reads_files_is_given_paths(ready: TaskFolder) -> None:
    class ByFile(Boxer):
        def __init__(self) -> None:
            super().__init__()
            self.paths: list[str] = []

        def inference_image_file(self, image_file: str, ann: Annotation) -> Annotation:
            self.paths.append(Path(image_file).name)
            return Annotation(img_size=ann.img_size)

        def inference(self, image: Any, ann: Annotation) -> Annotation:
            raise AssertionError("not asked for pixels")

    model = ByFile()
    BatchInferenceApplier(model, DEFAULT_MODE).run_inference()

    assert model.paths == [f"i{index:03}.png" for index in range(12)]


def test_few_images_wait_for_a_slow_model(ready: TaskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is a bounded number of images ahead, which bounds the memory of the pipeline."""
    from supervisely_lib.imaging import image as sly_image

    read: list[str] = []
    real_read = sly_image.read

    def noted(path: str) -> Any:
        read.append(path)
        return real_read(path)

    monkeypatch.setattr(sly_image, "read", noted)
    ahead = []

    class Counting(Boxer):
        def inference(self, image: Any, ann: Annotation) -> Annotation:
            ahead.append(len(read) - self.calls)
            return super().inference(image, ann)

    BatchInferenceApplier(Counting(), DEFAULT_MODE).run_inference()

    assert max(ahead) <= 5
    assert len(read) == 12


def test_the_task_chooses_the_mode(ready: TaskFolder) -> None:
    mode = {"name": "roi", "bounds": {"left": "2px"}, "save": True, "model_classes": {"add_suffix": "_r"}}
    ready.config(model={}, mode=mode)

    BatchInferenceApplier(Boxer(), DEFAULT_MODE).run_inference()

    titles = [item["classTitle"] for item in annotations_of(ready)["i000.png.json"]["objects"]]
    assert titles == ["sky", "leaf", "thing_r", "inference_roi"]


def test_several_processes_give_the_same_files(ready: TaskFolder, lines: Lines) -> None:
    BatchInferenceApplier(Boxer(), DEFAULT_MODE).run_inference()
    alone = annotations_of(ready)
    (ready.results / "garden").rename(ready.root / "alone")
    lines.records.clear()

    BatchInferenceMultiprocessApplier(lambda: Boxer(), 3, DEFAULT_MODE).run_inference()

    assert annotations_of(ready) == alone
    meta = (ready.results / "garden" / "meta.json").read_text()
    assert meta == (ready.root / "alone" / "meta.json").read_text()
    assert progress(lines)[-1] == ("Model applying: ", 12, 12)
    assert lines.events(EventType.MODEL_APPLIED)


def killed() -> Boxer:
    os.kill(os.getpid(), 9)
    raise AssertionError


def broken() -> Boxer:
    model = Boxer()
    model.fails_at = 1
    return model


@pytest.mark.parametrize("initializer", [killed, broken])
def test_a_dead_process_ends_the_run(ready: TaskFolder, lines: Lines, initializer: Any) -> None:
    applier = BatchInferenceMultiprocessApplier(initializer, 2, DEFAULT_MODE)

    with pytest.raises(RuntimeError, match=r"One of the inference processes encountered an error\."):
        applier.run_inference()

    assert lines.events(EventType.MODEL_APPLIED) == []


def test_inference_reads_the_model_state(ready: TaskFolder) -> None:
    ready.config(connection={}, model_settings={"gpu_device": 3})

    model = Boxer()
    model._determine_model_input_size()

    assert model._config == {"gpu_device": 3}
    assert [item.name for item in model.get_out_meta().obj_classes] == ["thing"]
    assert {index: item.name for index, item in model.out_class_mapping.items()} == {1: "thing"}
    assert model.input_size == (3, 4)


@pytest.mark.parametrize("key", ["classes", "out_classes"])
@pytest.mark.parametrize("asked", ["classes", "out_classes"])
def test_either_name_of_the_class_list_is_read(ready: TaskFolder, key: str, asked: str) -> None:
    class Asking(Boxer):
        @property
        def train_classes_key(self) -> str:
            return asked

    ready.model_config(**{key: MODEL["classes"]}, class_title_to_idx={"thing": 1})

    assert Asking().model_out_meta.obj_classes.has_key("thing")


def test_a_task_without_a_model_state_is_told_so(ready: TaskFolder) -> None:
    (ready.root / "model" / "config.json").unlink()

    with pytest.raises(RuntimeError, match=r"Unable to run inference, config from training was not found\."):
        Boxer()


@pytest.mark.parametrize(
    ("missing", "config"),
    [
        ("class_title_to_idx", {"classes": []}),
        ("classes", {"class_title_to_idx": {}}),
        ("settings", {"classes": [], "class_title_to_idx": {}}),
        ("settings.input_size", {"classes": [], "class_title_to_idx": {}, "settings": {}}),
    ],
)
def test_a_key_that_the_model_state_lacks_is_named_with_its_file_in_a_sentence(
    ready: TaskFolder, missing: str, config: Any
) -> None:
    ready.model_config(**config)

    with pytest.raises(KeyError) as error:
        Boxer()._determine_model_input_size()

    assert str(error.value) == (
        f"the model's {TaskPaths.MODEL_CONFIG_PATH} has no {missing}; "
        "another plugin wrote it, or a training without this setting"
    )


def test_defaults_of_the_model_section_are_completed(ready: TaskFolder) -> None:
    class WithDefaults(Boxer):
        DEFAULTS: ClassVar = {"gpu_device": 7, "min_confidence": 0.5}

        @staticmethod
        def get_default_config() -> dict[str, Any]:
            return WithDefaults.DEFAULTS

    assert WithDefaults()._config == {"gpu_device": 0, "min_confidence": 0.5}
    assert WithDefaults.DEFAULTS["gpu_device"] == 7
    assert WithDefaults(task_model_config={})._config == WithDefaults.DEFAULTS


def test_one_image_may_be_given_as_a_file(ready: TaskFolder) -> None:
    path = ready.root / "data" / "garden" / "ds" / "img" / "i000.png"
    model = Boxer()

    from_file = model.inference_image_file(str(path), Annotation(img_size=(12, 16)))

    assert isinstance(from_file.labels[0].geometry, Rectangle)
    assert np.isclose(from_file.labels[0].geometry.area % 4, 0)
