"""The first process of an agent's container in a pod: what it leaves for Kubernetes when the agent ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.clusters import JobRequest
from agent.clusters.kubernetes_pod import LAST_WORDS_BYTES, pod
from agent.domain import TaskOptions
from agent.engines.pod_script import CONTROL_FOLDER
from agent.settings import Settings

FAILS = "from agent.cli.failures import guarded; import sys; sys.exit(guarded(lambda: {}))"


def run(folder: Path, *command: str) -> tuple[int, str]:
    """Its exit code, and the message that Kubernetes keeps with the pod."""
    settings = Settings(home=folder, store_url="postgresql://db/x", artifacts_url="s3://b", kubernetes_image="agent:1")
    made = pod(JobRequest(7, 1, "sly-a-7-1", TaskOptions(), image="net:1"), settings)
    agent = next(one for one in made["spec"]["containers"] if one["name"] == "agent")
    home, control, message = folder / "home", folder / "control", folder / "message"
    (home / "tasks" / "7").mkdir(parents=True, exist_ok=True)
    control.mkdir(exist_ok=True)
    (control / "ready").touch()
    script = agent["command"][2].replace(CONTROL_FOLDER, str(control)).replace("/dev/termination-log", str(message))
    variables = {one["name"]: one.get("value", "n1").replace("/agent", str(home), 1) for one in agent["env"]}
    env = {**variables, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        ["/bin/sh", "-c", script, "agent", *command], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, message.read_text() if message.exists() else ""


@pytest.mark.parametrize("code", [0, 1, 75])
def test_a_true_end_is_the_exit_code(tmp_path, code):
    assert run(tmp_path, "sh", "-c", f"exit {code}") == (0, f"{code}\n")


def test_an_agent_that_was_killed_is_started_again_by_kubernetes(tmp_path):
    assert run(tmp_path, "sh", "-c", "kill -9 $$") == (137, "")


def test_a_bug_of_the_agent_is_told_with_the_pod_whose_log_may_be_gone(tmp_path):
    code, message = run(tmp_path, sys.executable, "-c", FAILS.format("1 / 0"))
    assert (code, message.splitlines()[0]) == (0, "70")
    assert message.rstrip().endswith("ZeroDivisionError: division by zero")
    code, message = run(tmp_path, sys.executable, "-c", FAILS.format("int('x' * 10_000)"))
    assert len(message) <= LAST_WORDS_BYTES + 3


def test_words_of_an_agent_before_are_not_those_of_the_next(tmp_path):
    run(tmp_path, sys.executable, "-c", FAILS.format("1 / 0"))
    assert run(tmp_path, "true") == (0, "0\n")
