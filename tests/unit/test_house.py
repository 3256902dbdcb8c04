"""What loads what. Each question is asked of a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in memory after the statement."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_importing_the_sdk_loads_nothing_heavy_and_not_even_logging_or_json():
    before, after = loaded_by("pass"), loaded_by("import supervisely_lib")

    assert after - before == {"supervisely_lib"}


def test_reporting_and_reading_json_load_neither_numpy_nor_opencv():
    names = "logger EventType TaskPaths Progress report_checkpoint_saved main_wrapper fs json env color"
    after = loaded_by(f"from supervisely_lib import {', '.join(names.split())}")

    assert not after & {"numpy", "torch", "cv2", "shapely", "PIL", "jsonschema", "typing_extensions"}


def test_annotations_of_masks_and_boxes_load_neither_torch_nor_shapely_nor_pillow():
    after = loaded_by("from supervisely_lib import Annotation, Project, Bitmap, Rectangle, Polygon, image")

    assert "numpy" in after
    assert not after & {"torch", "cv2", "shapely", "PIL", "skimage"}


@pytest.mark.parametrize("heavy", ["torch", "cv2", "supervisely_lib"])
def test_the_agents_command_line_starts_without(heavy: str):
    assert heavy not in loaded_by("import agent.cli")
