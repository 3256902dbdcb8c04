"""The plugin guide as a reader follows it: its files are written to an empty folder, its commands run in order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from agent.formats.plugin import check_plugin_folder

REPOSITORY = Path(__file__).parents[3]
GUIDE = (REPOSITORY / "docs" / "write-a-plugin.md").read_text(encoding="utf-8")


def shell_blocks(heading: str) -> list[str]:
    """The shell commands of a chapter."""
    chapter = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", GUIDE, flags=re.DOTALL | re.MULTILINE)
    assert chapter is not None, heading
    return re.findall(r"```sh\n(.*?)```", chapter[1], flags=re.DOTALL)


def typed(desk: Path, blocks: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the commands in a shell in the reader's folder; the first failure ends the shell."""
    agent = f'agent() {{ PYTHONPATH="{REPOSITORY}" python -m agent.cli "$@"; }}'  # as if it were installed
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AGENT_HOME": str(desk / "home"),
        "AGENT_ENGINE": "process",
        "AGENT_PYTHON": sys.executable,
        "OMP_WAIT_POLICY": "PASSIVE",  # tests share the CPU
    }
    script = "\n".join(["set -e", agent, *blocks])
    return subprocess.run(
        ["bash", "-c", script], cwd=desk, env=environment, capture_output=True, text=True, timeout=280
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the guide's plugin, and with the folders of a clone that the guide uses."""
    desk = tmp_path_factory.mktemp("desk")
    for path, text in re.findall(r"\*\*`([\w./]+)`\*\*\n\n```\w+\n(.*?)```", GUIDE, flags=re.DOTALL):
        file = desk / "my-plugin" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in ("supervisely_lib", "plugin_example"):
        (desk / name).symlink_to(REPOSITORY / name)
    return desk


@pytest.fixture(scope="module")
def followed(desk):
    """Train and infer by hand, as a reader would."""
    return typed(desk, shell_blocks("Try it by hand") + shell_blocks("Inference"))


def test_the_agent_finds_nothing_wrong_with_the_folder(desk):
    assert [str(problem) for problem in check_plugin_folder(desk / "my-plugin")] == []


def test_the_guides_commands_train_and_infer_by_hand(desk, followed):
    records = [json.loads(line) for line in followed.stderr.splitlines()]
    losses = [r["metrics"]["loss"] for r in records if r["message"] == "metrics" and r["type"] == "val"]

    assert followed.returncode == 0, followed.stderr[-5000:]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert any(record.get("event_type") == "EventType.MODEL_APPLIED" for record in records)
    assert "meta.json" in followed.stdout


def test_the_result_is_a_project_with_the_predictions(desk, followed):
    assert followed.returncode == 0, followed.stderr[-5000:]
    meta = json.loads((desk / "task/results/fruit/meta.json").read_text())

    assert {"apple", "apple_nn", "background_nn"} <= {item["title"] for item in meta["classes"]}


def test_the_guides_agent_commands_train_continue_infer_and_pack(desk, followed):
    assert followed.returncode == 0, followed.stderr[-5000:]
    train, infer_and_go_on, *builds = shell_blocks("With the agent")
    ended = typed(desk, [train, infer_and_go_on, *shell_blocks("Weights from elsewhere"), "agent task list --json"])

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    tasks = json.loads(ended.stdout[ended.stdout.rindex("\n[") :])
    assert [(task["id"], task["status"]) for task in tasks] == [(3, "finished"), (2, "finished"), (1, "finished")]
    with tarfile.open(desk / "pretrained.tar") as tar:
        assert tar.getnames()[-2:] == ["config.json", "model.pt"]
    assert all("agent build" in block for block in builds)
