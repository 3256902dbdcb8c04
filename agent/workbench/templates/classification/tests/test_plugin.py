"""Tests of the network and of the plugin's files. Run them in this folder: python -m pytest tests"""

import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from model import Net
from pictures import framed


def test_there_is_a_score_for_each_tag():
    assert Net(num_tags=3)(torch.rand(2, 3, 32, 48)).shape == (2, 3)


def test_the_frame_says_whether_the_prediction_is_right():
    image = torch.zeros(3, 8, 8)
    assert framed(image, True)[0, 0, 1] > framed(image, False)[0, 0, 1]
    assert framed(image, True).shape == (12, 12, 3)


def test_the_first_preset_has_the_defaults():
    from train import Trainer

    presets = json.loads((ROOT / "predefined_run_configs.json").read_text())
    assert presets[0]["config"] == Trainer.get_default_config()
