"""Tests of the model and of the plugin's files. Run them in this folder: python -m pytest tests"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from labels import bitmap_object, class_ids_of
from model import Model, features_of


def test_the_model_learns_a_colour():
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    image.paste((20, 40, 200), (0, 0, 4, 8))
    wanted = np.array(image)[:, :, 2].reshape(-1) // 200
    model = Model(2)
    for _ in range(50):
        model.step(features_of(image), wanted, lr=2)
    assert (model.scores(features_of(image)).argmax(axis=1) == wanted).all()


def test_a_mask_comes_back_as_it_was():
    mask = np.zeros((6, 9), bool)
    mask[2:4, 3:8] = mask[3, 2] = True
    ann = {"size": {"width": 9, "height": 6}, "objects": [bitmap_object(mask, "thing")]}
    assert (class_ids_of(ann, {"thing": 1}) == mask).all()


def test_the_first_preset_has_the_defaults():
    from train import DEFAULTS

    presets = json.loads((ROOT / "predefined_run_configs.json").read_text())
    assert presets[0]["config"] == DEFAULTS
