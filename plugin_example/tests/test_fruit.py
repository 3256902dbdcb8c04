"""The plugin as the platform runs it. Needs the extra `test` of supervisely-local: python -m pytest tests"""

from pathlib import Path

import pytest
from agent.testing.faults import kill_at_step

PLUGIN = Path(__file__).parents[1]
QUICK = ["input_size.width=32", "input_size.height=32", "width=8", "data_workers=0"]


@pytest.fixture(scope="module")
def project(sample_project):
    return sample_project("segmentation", images=8)


@pytest.fixture(scope="module")
def trained(run_plugin, project):
    return run_plugin(PLUGIN, project=project, set=[*QUICK, "epochs=3", "val_every=1", "log_images=1"])


def test_it_trains(trained):
    trained.assert_finished()
    trained.assert_checkpoints(3)
    trained.assert_falls("train", "loss")
    assert len(trained.of_type("IMAGE")) == 3


def test_it_predicts_background_with_a_suffix(run_plugin, project, trained):
    run_plugin(PLUGIN, project=project, model=trained, preset="Inference: whole image").assert_predicts("background_nn")


def test_what_was_saved_before_it_was_killed_stays(run_plugin, project):
    killed = run_plugin(PLUGIN, project=project, set=[*QUICK, "epochs=500", "val_every=1"], faults=[kill_at_step(3)])
    killed.assert_failed()
    killed.assert_checkpoints(1)
