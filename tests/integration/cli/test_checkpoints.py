"""`agent task checkpoints` marks only the best checkpoint, and shows the metrics of each."""

from __future__ import annotations

from agent.artifacts import open_artifacts
from agent.store import open_store
from tests.support.inputs import Cli
from tests.support.training import Training


def test_only_the_best_is_marked_with_the_metrics_beside_it(tmp_path):
    cli = Cli(tmp_path, {})
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        training = Training(store, open_artifacts(str(tmp_path / "artifacts")))
        for loss in (0.9, 0.5, 0.25, 0.75):
            training.report(best=loss != 0.75, loss=loss, iou=1 - loss)

    done = cli.run("task", "checkpoints", training.id)

    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["INDEX", "BEST", "VALIDATION", "STATE", "MODEL", "SIZE", "REASON"]
    assert [row[0] for row in rows if "best" in row] == ["2"]
    assert rows[3][:6] == ["2", "best", "loss", "0.25", "iou", "0.75"]
    cli.run("model", "pin", f"task:{training.id}/best")
    assert [model["name"] for model in cli.json("model", "list") if model["pinned"]] == ["fruit 2"]


def test_without_a_metric_no_checkpoint_is_marked_and_it_is_said(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        training = Training(store, open_artifacts(str(tmp_path / "artifacts")))
        for index in range(3):
            training.report(best=index == 0)  # as the SDK does for every plugin

    done = Cli(tmp_path, {}).run("task", "checkpoints", training.id)

    assert not any("best" in line for line in done.stdout.splitlines()[1:])
    assert "none is the best" in done.stderr
