"""From one command to a trained model: new plugins of every kind, on the sample projects drawn for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.workbench.scaffold import KINDS
from tests.support.inputs import Cli


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_trains_on_its_sample_and_predicts(tmp_path: Path, kind: str):
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process"})
    made = cli.json("plugin", "new", tmp_path / "net", "--kind", kind, "--sample")

    trained = cli.json("submit-train", "--plugin", made["folder"], "--project", made["project"], "--preset", "Train")
    assert trained["status"] == "finished", trained
    applied = cli.json(
        *("submit-inference", "--plugin", made["folder"], "--project", made["project"]),
        *("--model", f"task:{trained['id']}/best", "--preset", "Inference: whole image"),
    )
    assert applied["status"] == "finished", applied
