"""The plugin as the platform runs it. Needs the extra `test` of supervisely-local: python -m pytest tests"""

from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1]
QUICK = ["input_size.width=32", "input_size.height=32", "width=8", "data_workers=0"]


@pytest.fixture(scope="module")
def project(sample_project):
    return sample_project("detection", images=8)


def test_it_trains_and_predicts(run_plugin, project):
    trained = run_plugin(PLUGIN, project=project, set=[*QUICK, "epochs=2", "val_every=1"])
    trained.assert_finished()
    trained.assert_checkpoints(2)
    run_plugin(PLUGIN, project=project, model=trained, preset="Inference: whole image").assert_finished()


def test_a_config_that_cannot_work_is_said_in_a_sentence(run_plugin, project):
    run_plugin(PLUGIN, project=project, set=["input_size.width=33"]).assert_failed("multiples of 16")
