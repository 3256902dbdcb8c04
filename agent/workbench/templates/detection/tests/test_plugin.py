"""Tests of the network and of the plugin's files. Run them in this folder: python -m pytest tests"""

import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from boxes import boxes_of, found_in, maps_of
from model import CELL, Net


def test_there_is_a_score_of_each_class_and_a_box_for_each_cell():
    heat, sides = Net(num_classes=3)(torch.rand(2, 3, 32, 48))
    assert heat.shape == (2, 3, 4, 6)
    assert sides.shape == (2, 4, 4, 6)
    assert (sides > 0).all()


def test_what_the_network_shall_say_gives_the_boxes_back():
    boxes, classes = torch.tensor([[8.0, 4.0, 24.0, 20.0]]), torch.tensor([1])
    heat, edges = maps_of(boxes, classes, num_classes=2, size=(32, 32))
    centres = boxes_of(torch.zeros(1, 4, 4, 4))[0]
    sides = torch.cat([centres[:2] - edges[:2], edges[2:] - centres[2:]])

    found, ids, scores = found_in((heat - 0.5) * 20, sides, least_score=0.5)

    assert found.tolist() == boxes.tolist()
    assert ids.tolist() == [1]
    assert scores[0] > 0.99
    assert 32 % CELL == 0


def test_the_first_preset_has_the_defaults():
    from train import Trainer

    presets = json.loads((ROOT / "predefined_run_configs.json").read_text())
    assert presets[0]["config"] == Trainer.get_default_config()
