"""Tests of authors: a pytest plugin that runs plugins in an installation of its own, and a kit of faults.

    def test_it_trains(run_plugin, sample_project):
        run = run_plugin("my-plugin", project=sample_project("segmentation"), config={"epochs": 1})
        run.assert_finished()
        run.assert_checkpoints(1)

The extra `test` brings pytest; its entry point makes the fixtures known (`agent/testing/plugin.py`).
"""
