"""An agent killed at any instant of a task's life: another one ends the task as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskOptions, TaskStatus
from agent.house import House
from agent.loop import run_one
from agent.settings import Settings
from agent.store import open_store
from agent.wishes import new_task
from tests.chaos.audit import Count, audit
from tests.small import COUNTED, ROOT, Cli, write_model, write_project

pytestmark = pytest.mark.chaos

Queue = Callable[[str], Task]
DEATHS = 6  # per kind; `make chaos` dies more often


@pytest.fixture
def house(tmp_path) -> Iterator[House]:
    settings = Settings(home=tmp_path / "home", engine="process")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield House(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def queue(house, tmp_path) -> Queue:
    plugin = library.add_plugin_folder(house.store, COUNTED, "local")
    project = library.add_project(house.store, house.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(house.store, house.artifacts, write_model(tmp_path / "start"))

    def queue(kind: str) -> Task:
        number = len(house.store.tasks.list())
        options = TaskOptions(engine="process")
        wish = new_task(
            house.store, type=kind, plugin=plugin, project=project, model=model, name=f"net {number}", options=options
        )
        return house.store.tasks.add(wish)

    return queue


def die(house: House, task: Task, instant: int) -> subprocess.CompletedProcess[str]:
    """Run the task in an agent that kills itself at that instant; 0: never."""
    env = {**Cli.clean_env(), "AGENT_HOME": str(house.settings.home), "AGENT_ENGINE": "process"}
    command = [sys.executable, "-m", "tests.chaos.dying", str(task.id), str(instant)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_whenever_the_agent_is_killed_nothing_is_lost_and_nothing_is_there_twice(house, queue, kind):
    lived = die(house, queue(kind), 0)
    assert lived.returncode == 0, lived.stderr
    instants = int(lived.stdout)
    seed = int(os.environ.get("CHAOS_SEED", "5"))
    died = 0
    for instant in sorted(random.Random(seed).sample(range(1, instants), DEATHS)):
        task = queue(kind)
        done = die(house, task, instant)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        died += done.returncode != 0
        if not house.store.tasks.get(task.id).status.is_final:
            run_one(house, task.id, threading.Event())
        assert house.store.tasks.get(task.id).status is TaskStatus.FINISHED, instant
    count = Count()
    assert audit(house, [house.open_engine("process", house.settings)], count) == []
    assert died >= DEATHS - 2  # how many instants there are differs a little from run to run
    assert count.lines > DEATHS * 10
