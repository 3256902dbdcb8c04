"""Keys of task and model configs."""

from __future__ import annotations

INPUT_SIZE = "input_size"
HEIGHT = "height"
WIDTH = "width"
CONFIG = "config"
MODEL = "model"
SETTINGS = "settings"
