"""The fixtures of authors, with the new plugin of the kind bare: it starts in a moment."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.testing import faults
from agent.workbench.scaffold import new_plugin


@pytest.fixture(scope="module")
def net(tmp_path_factory) -> Path:
    return new_plugin(tmp_path_factory.mktemp("plugins") / "net", "bare")


@pytest.fixture(scope="module")
def trained(net, run_plugin, sample_project):
    return run_plugin(net, project=sample_project("bare"), set=["epochs=3", "val_every=1"])


def test_a_run_gives_its_events_checkpoints_and_predictions(net, trained, run_plugin, sample_project):
    trained.assert_finished()
    trained.assert_checkpoints(3)
    trained.assert_falls("train", "loss")
    assert len(trained.metric("val", "accuracy")) == 3
    assert len(trained.of_type("PROGRESS")) == 27

    applied = run_plugin(net, project=sample_project("bare"), model=trained)
    applied.assert_predicts("disc_nn", "background_nn")
    with pytest.raises(AssertionError, match="unicorn"):
        applied.assert_predicts("unicorn")


def test_a_failed_assertion_shows_the_end_of_the_output(trained):
    with pytest.raises(AssertionError, match=r"not 4[\s\S]*last lines:[\s\S]*CHECKPOINT"):
        trained.assert_checkpoints(4)
    with pytest.raises(AssertionError, match="ended as finished"):
        trained.assert_failed()


def test_a_killed_plugin_keeps_the_checkpoints_of_before(net, run_plugin, sample_project):
    text = (net / "src" / "train.py").read_text()
    slow = text.replace(
        "            say_progress(", "            __import__('time').sleep(0.05)\n            say_progress("
    )
    (net / "src" / "train.py").write_text(slow)
    try:
        killed = run_plugin(
            net, project=sample_project("bare"), set=["epochs=60", "val_every=1"], faults=[faults.kill_at_step(12)]
        )
        dead = run_plugin(
            net, project=sample_project("bare"), set=["epochs=4", "val_every=1"], faults=[faults.dying_agent(10)]
        )
        stopped = run_plugin(
            net, project=sample_project("bare"), set=["epochs=60"], faults=[faults.stop_while_saving()]
        )
    finally:
        (net / "src" / "train.py").write_text(text)
    killed.assert_failed()
    assert len(killed.metric("train", "loss")) < 60
    killed.assert_checkpoints(1)
    dead.assert_finished()
    assert len(dead.metric("train", "loss")) == 36  # each line once
    stopped.assert_stopped()


def test_a_fault_that_never_comes_to_its_run_fails_the_test(net, run_plugin, sample_project):
    with pytest.raises(AssertionError, match="ended before this came to it: killed at step 5000"):
        run_plugin(net, project=sample_project("bare"), set=["epochs=1"], faults=[faults.kill_at_step(5000)])


def test_a_full_disk_and_too_little_memory_fail_the_plugin_and_a_slow_agent_does_not(net, run_plugin, sample_project):
    run_plugin(net, project=sample_project("bare"), faults=[faults.out_of_memory(1 << 20)]).assert_failed()
    full = run_plugin(net, project=sample_project("bare"), set=["epochs=1"], faults=[faults.full_disk(512)])
    full.assert_failed()
    began = time.monotonic()
    slow = run_plugin(net, project=sample_project("bare"), set=["epochs=1"], faults=[faults.slow_agent(0.2)])
    slow.assert_finished()
    assert time.monotonic() - began > 0.2


def test_a_damaged_image_is_the_plugins_failure(net, run_plugin, sample_project, tmp_path):
    project = faults.corrupt_image(sample_project("bare"), tmp_path / "broken")
    run_plugin(net, project=project).assert_failed("Error")
