"""The plugin as the platform runs it, on a drawn project. Needs `pip install supervisely-local[test]`."""

from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project(sample_project):
    return sample_project("my-kind", images=8)


def test_it_trains_and_predicts(run_plugin, project):
    trained = run_plugin(PLUGIN, project=project, set=["epochs=1", "val_every=1"])
    trained.assert_finished()
    trained.assert_checkpoints(1)
    run_plugin(PLUGIN, project=project, model=trained).assert_finished()
