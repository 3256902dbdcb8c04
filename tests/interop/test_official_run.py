"""A plugin that imports the official package runs in the agent; all its reports arrive."""

from __future__ import annotations

import json

import pytest

from tests.support.inputs import Cli, write_model, write_project

pytestmark = pytest.mark.official
PLUGIN = "tests/plugins/official"


def test_what_the_official_package_reports_arrives_complete(official_python, tmp_path):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    environment = official_python.parents[1]
    task = cli.json(
        "submit-train", "--plugin", PLUGIN, "--project", write_project(tmp_path / "fruit"),
        "--model", write_model(tmp_path / "start"), "--python", official_python,
        "--env", f"OFFICIAL={environment}", "--env", "SUPERVISELY_SKIP_HTTPS_USER_HELPER_CHECK=True",
    )  # fmt: skip
    assert task["reason"] == "finished"
    counts = {(s["kind"], s["name"]): s["count"] for s in task["metrics"]}
    assert counts == {
        ("train", "loss"): 200, ("train", "lr"): 200, ("train", "acc"): 200, ("val", "loss"): 2, ("val", "mean_iou"): 2,
    }  # fmt: skip

    series = json.loads(cli.run("task", "metrics", task["id"], "--points").stdout)
    loss = next(s for s in series if (s["kind"], s["name"]) == ("train", "loss"))["value"]
    assert loss[3:6] == [None, None, None]  # NaN and both infinities, at their place
    assert [v for i, v in enumerate(loss) if i not in {3, 4, 5}] == [
        1 / (1 + i) for i in range(200) if i not in {3, 4, 5}
    ]
    assert next(s for s in series if s["name"] == "lr")["value"] == [0.25] * 200  # the package prints "0.25"

    raw = cli.run("task", "logs", task["id"], "--raw").stdout
    assert "NaN" in raw
    assert '"free_mb": 12' in raw
    assert [c["state"] for c in task["checkpoints"]] == ["published"] * 2
    assert [c["optional"] for c in task["checkpoints"]] == [{"epoch": 1.0}, {"epoch": 2.0}]
    (bar,) = (p for p in task["progress"] if p["subtask"] == "Model training: ")
    assert (bar["current"], bar["total"]) == (200, 200)
