"""The example's metadata says what the platform expects and what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from train import SegmentationTrainer

PLUGIN = Path(__file__).parents[3] / "plugin_example"
PRESETS = json.loads((PLUGIN / "predefined_run_configs.json").read_text(encoding="utf-8"))


def test_version_names_an_image_and_a_tag():
    version = (PLUGIN / "VERSION").read_text(encoding="utf-8").strip()

    assert re.fullmatch(r"[a-z0-9]+([._/-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", version)  # plugin.md 3


def test_plugin_info_says_what_it_is():
    info = json.loads((PLUGIN / "plugin_info.json").read_text(encoding="utf-8"))

    assert info["type"] == "architecture"
    assert info["title"]
    assert info["description"]


def test_the_first_train_preset_is_the_default_config():
    first = next(preset for preset in PRESETS if preset["type"] == "train")

    assert first["config"] == SegmentationTrainer.get_default_config()


@pytest.mark.parametrize(
    "preset", [preset for preset in PRESETS if preset["type"] == "train"], ids=lambda p: p["title"]
)
def test_train_presets_use_known_keys_only(preset):
    assert set(preset["config"]) <= set(SegmentationTrainer.get_default_config())


def test_every_inference_mode_for_segmentation_has_a_preset():
    modes = {preset["config"]["mode"]["name"] for preset in PRESETS if preset["type"] == "inference"}

    assert modes == {"full_image", "roi", "bboxes", "sliding_window"}


def test_the_readme_explains_every_key_of_the_config():
    readme = (PLUGIN / "README.md").read_text(encoding="utf-8")

    assert [key for key in SegmentationTrainer.get_default_config() if f"`{key}`" not in readme] == []


def test_requirements_cover_what_the_image_imports():
    requirements = (PLUGIN / "requirements.txt").read_text(encoding="utf-8").lower()
    packages = {"torch", "numpy", "opencv-python-headless", "pillow", "shapely", "jsonschema"}

    assert {line.split("=")[0].split(">")[0] for line in requirements.splitlines() if line[0] != "#"} == packages
