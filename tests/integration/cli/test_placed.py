"""`agent run --task N --placement K` in the job of a cluster: refusals, and a store that nodes do not reach."""

from __future__ import annotations

from pathlib import Path

from agent.clusters import GIVEN_BACK
from tests.support.inputs import Cli


def test_a_store_that_does_not_answer_is_no_fault_of_the_task(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_STORE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    done = cli.run("run", "--task", "1", "--placement", "1", code=GIVEN_BACK)
    assert "task 1 is given back: " in done.stderr


def test_an_agent_without_a_placement_of_its_own_is_refused_with_a_sentence(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {})
    assert "There is no task 1" in cli.run("run", "--task", "1", "--placement", "1", code=2).stderr
    assert "give --task too" in cli.run("run", "--placement", "1", code=2).stderr
    assert "give one of them" in cli.run("run", "--cluster", "slurm", "--task", "1", code=2).stderr
    assert "write one of: kubernetes, slurm" in cli.run("run", "--cluster", "nimbus", code=2).stderr
    assert "write one of: kubernetes, slurm" in cli.run("cluster", "check", "nimbus", code=2).stderr
