"""The examples' metadata says what the platform expects and what the code does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from inference import SegmentationInference
from train import SegmentationTrainer

from tests.support import detection_example
from tests.support.example_runs import DETECTION, SEGMENTATION, presets


@dataclass(frozen=True)
class Example:
    folder: Path
    train_defaults: dict[str, Any]
    model_defaults: dict[str, Any]
    modes: frozenset[str]

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


EXAMPLES = {
    "segmentation": Example(
        SEGMENTATION,
        SegmentationTrainer.get_default_config(),
        SegmentationInference.get_default_config(),
        frozenset({"full_image", "roi", "bboxes", "sliding_window"}),
    ),
    "detection": Example(
        DETECTION,
        detection_example.train.DetectionTrainer.get_default_config(),
        detection_example.inference.DetectionInference.get_default_config(),
        frozenset({"full_image", "roi", "bboxes", "sliding_window_det"}),
    ),
}


@pytest.fixture(params=EXAMPLES)
def example(request):
    return EXAMPLES[request.param]


def test_version_names_an_image_and_a_tag(example):
    version = example.read("VERSION").strip()

    assert re.fullmatch(r"[a-z0-9]+([._/-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", version)  # plugin.md 3


def test_plugin_info_says_what_it_is(example):
    info = json.loads(example.read("plugin_info.json"))

    assert info["type"] == "architecture"
    assert info["title"]
    assert info["description"]


def test_the_examples_have_different_versions_and_titles():
    for name in ("VERSION", "plugin_info.json"):
        assert len({example.read(name) for example in EXAMPLES.values()}) == len(EXAMPLES)


def test_the_first_train_preset_is_the_default_config(example):
    assert next(iter(presets(example.folder, "train").values())) == example.train_defaults


def test_presets_use_known_keys_only(example):
    for config in presets(example.folder, "train").values():
        assert set(config) <= set(example.train_defaults)
    for config in presets(example.folder, "inference").values():
        assert set(config["model"]) <= set(example.model_defaults)


def test_every_inference_mode_that_fits_has_a_preset(example):
    modes = {config["mode"]["name"] for config in presets(example.folder, "inference").values()}

    assert modes == example.modes


def test_the_readme_explains_every_key_of_the_train_config(example):
    readme = example.read("README.md")

    assert [key for key in example.train_defaults if f"`{key}`" not in readme] == []


def test_the_detectors_readme_explains_every_key_of_the_model_config():
    example = EXAMPLES["detection"]

    assert [key for key in example.model_defaults if f"`{key}`" not in example.read("README.md")] == []


def test_requirements_cover_what_the_image_imports(example):
    requirements = example.read("requirements.txt").lower()
    packages = {"torch", "numpy", "opencv-python-headless", "pillow", "shapely", "jsonschema"}

    assert {line.split("=")[0].split(">")[0] for line in requirements.splitlines() if line[0] != "#"} == packages


def test_images_get_the_code_and_nothing_else_of_the_folder(example):
    copied = re.findall(r"^COPY .*MODULE_PATH.*$", example.read("Dockerfile"), flags=re.MULTILINE)

    assert copied[-1] == "COPY ${MODULE_PATH}/src /workdir/src"
