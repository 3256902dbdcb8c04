"""A study of the example plugin whose programs are killed: `python -m tests.chaos.study [--trials 30]`.

`agent up` runs web and agent, `agent tune` decides about the trials. After a third of the trials the agent and the
controller are killed, after two thirds the web and the controller. `agent up` starts its children again, `agent tune
resume` goes on. Then every trial must be there once, with its task, its value and everything that its plugin printed
and saved. Each trial is a real training; all of them take some minutes. The exit code is 0 if nothing was lost.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from agent.engines.open import open_engine
from agent.installation import Installation, artifacts_of
from agent.settings import Settings
from agent.store import open_store
from tests.chaos.audit import Count, audit, end_runs_of
from tests.support.example_runs import SEGMENTATION, sample
from tests.support.inputs import Cli

_LIMIT_S = 1800.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.study", description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory(prefix="study-") as folder:
        problems, count = run(Path(folder), trials)
    said = f"{trials} trials: {count.tasks} tasks, {count.lines} lines, {count.checkpoints} models"
    print("\n".join([said, *problems]))
    return 1 if problems else 0


def run(folder: Path, trials: int) -> tuple[list[str], Count]:
    """Run the study to its end, killed twice; what is wrong afterwards, and what was counted."""
    cli = Cli(folder / "home", {"AGENT_ENGINE": "process"})
    sample("fruit", folder / "fruit", "--images", 8, "--seed", 7)
    chosen = ("--plugin", SEGMENTATION, "--project", folder / "fruit", "--name", "fruit", "--trials", trials)
    space = ("--set", "lr=1e-4..1e-1:log", "--set", "epochs=1", "--set", "data_workers=0", "--maximize", "val.mean_iou")
    up = cli.start("up", "--port", 0)
    try:
        tune = cli.start("tune", *chosen, *space)
        for share, name in ((1 / 3, "run"), (2 / 3, "web")):
            _wait(lambda share=share: _ended(cli) >= share * trials, tune)  # type: ignore[misc]
            child = _child(up, name)
            tune.kill()
            child.kill()
            tune.communicate()
            print(f"{_ended(cli)} of {trials} trials have ended; killed: the controller and `{name}`", flush=True)
            tune = cli.start("tune", "resume", "fruit")
        _, said = tune.communicate(timeout=_LIMIT_S)
        problems = [] if tune.returncode == 0 else [f"the study ended with {tune.returncode}: {said[-500:]}"]
        problems += _study(cli, trials)
    finally:
        up.terminate()
        up.communicate(timeout=60)
    count = Count()
    settings = Settings(home=cli.home, engine="process")
    with open_store(settings.store) as store:
        installation = Installation(store, artifacts_of(settings), settings)
        problems += audit(installation, [open_engine("process", settings)], count, is_counted=False)
    end_runs_of(cli.home)
    return problems, count


def _study(cli: Cli, trials: int) -> list[str]:
    shown = cli.json("tune", "show", "fruit")
    numbers = [trial["number"] for trial in shown["trials"]]
    tasks = {task["id"] for task in cli.json("task", "list", "--limit", 10 * trials)}
    problems = [] if numbers == list(range(trials)) else [f"the trials are {numbers}"]
    if (states := {trial["state"] for trial in shown["trials"]}) != {"complete"}:
        problems.append(f"trials ended as {states}")
    if sorted(trial["task_id"] for trial in shown["trials"]) != sorted(tasks):
        problems.append(f"{len(tasks)} tasks are not those of the trials")
    return problems


def _child(up: subprocess.Popen[str], name: str) -> psutil.Process:
    """The agent or the web that `agent up` has started."""
    children = psutil.Process(up.pid).children()
    (found,) = [child for child in children if name in child.cmdline()]
    return found


def _ended(cli: Cli) -> int:
    if not (cli.home / "store.db").exists():
        return 0
    with open_store(cli.home / "store.db") as store:
        return sum(task.status.is_final for task in store.tasks.list(limit=1000))


def _wait(fact: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while not fact():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the study ended too early: {process.communicate()}")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
