"""Tests of the network and of the plugin's files. Run them in this folder: python -m pytest tests"""

import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from metrics import mean_iou
from model import Net


def test_scores_have_the_size_of_the_image():
    assert Net(num_classes=3)(torch.rand(2, 3, 32, 48)).shape == (2, 3, 32, 48)


def test_a_right_guess_has_an_iou_of_one_and_a_half_right_one_less():
    target = torch.tensor([[0, 0, 1, 1]])
    assert mean_iou(target, target, num_classes=2) == 1
    assert mean_iou(torch.tensor([[0, 1, 1, 1]]), target, num_classes=2) < 1


def test_the_first_preset_has_the_defaults():
    from train import Trainer

    presets = json.loads((ROOT / "predefined_run_configs.json").read_text())
    assert presets[0]["config"] == Trainer.get_default_config()
