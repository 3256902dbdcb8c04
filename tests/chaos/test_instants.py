"""An agent is killed or stopped at any instant of a task: the task ends, and nothing of it is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.installation import Installation
from agent.run.shutdown import Shutdown
from agent.settings import Settings
from agent.store import open_store
from agent.task_options import RequestedOptions
from agent.worker.loop import run_one
from tests.chaos.audit import Count, audit
from tests.support.inputs import COUNTED, ROOT, Cli, write_model, write_project
from tests.support.tasks import queue_task

pytestmark = pytest.mark.chaos

Queue = Callable[[str], Task]
DEATHS = 6  # per kind of task; `make chaos` kills more often


@pytest.fixture
def installation(tmp_path) -> Iterator[Installation]:
    settings = Settings(home=tmp_path / "home", engine="process")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


@pytest.fixture
def queue(installation, tmp_path) -> Queue:
    plugin = library.add_plugin_folder(installation.store, COUNTED, "local")
    project = library.add_project(installation.store, installation.artifacts, write_project(tmp_path / "fruit"))
    model = library.add_model(installation.store, installation.artifacts, write_model(tmp_path / "start"))

    def queue(kind: str) -> Task:
        number = len(installation.store.tasks.list())
        return queue_task(
            installation, type=kind, plugin=plugin, project=project, model=model, name=f"net {number}",
            options=RequestedOptions(engine="process"),
        )  # fmt: skip

    return queue


def run(installation: Installation, task: Task, instant: int, how: str) -> subprocess.CompletedProcess[str]:
    """Run the task in an agent; `how` happens at instant `at`, as `dying.py` describes; 0: never."""
    env = {**Cli.clean_env(), "AGENT_HOME": str(installation.settings.home), "AGENT_ENGINE": "process"}
    command = [sys.executable, "-m", "tests.chaos.dying", str(task.id), str(instant), how]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)


def some_instants(installation: Installation, task: Task) -> list[int]:
    """Some instants of a run like this task's, in order."""
    lived = run(installation, task, 0, "kill")
    assert lived.returncode == 0, lived.stderr
    seed = int(os.environ.get("CHAOS_SEED", "5"))
    return sorted(random.Random(seed).sample(range(1, int(lived.stdout)), DEATHS))


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_whenever_the_agent_is_killed_nothing_is_lost_and_nothing_is_there_twice(installation, queue, kind):
    died = 0
    for instant in some_instants(installation, queue(kind)):
        task = queue(kind)
        done = run(installation, task, instant, "kill")
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        died += done.returncode != 0
        if not installation.store.tasks.get(task.id).status.is_final:
            run_one(installation, task.id, Shutdown())
        assert installation.store.tasks.get(task.id).status is TaskStatus.FINISHED, instant
    count = Count()
    assert audit(installation, [installation.open_engine("process", installation.settings)], count) == []
    assert died >= DEATHS - 2  # the number of instants differs a little from run to run
    assert count.lines > DEATHS * 10


def test_whenever_an_agent_leaves_the_next_agent_finishes_the_task(installation, queue):
    left = 0
    for instant in some_instants(installation, queue("train")):
        task = queue("train")
        done = run(installation, task, instant, "leave")
        assert done.returncode == 0 or "goes on without this agent" in done.stderr, done.stderr
        if not installation.store.tasks.get(task.id).status.is_final:
            left += 1
            run_one(installation, task.id, Shutdown())
        assert installation.store.tasks.get(task.id).status is TaskStatus.FINISHED, instant
    assert audit(installation, [installation.open_engine("process", installation.settings)]) == []
    assert left > 0


@pytest.mark.parametrize(("how", "kind"), [("stop", "train"), ("shutdown", "inference")])
def test_whenever_a_task_is_stopped_it_ends_as_stopped_and_what_it_saved_is_kept(installation, queue, how, kind):
    stopped = 0
    for instant in some_instants(installation, queue(kind)):
        task = queue(kind)
        done = run(installation, task, instant, how)
        assert done.returncode == 0 or "it has ended (stopped)" in done.stderr, done.stderr  # before it was claimed
        ended = installation.store.tasks.get(task.id)
        assert ended.status in (TaskStatus.STOPPED, TaskStatus.FINISHED), (instant, ended.reason, ended.message)
        stopped += ended.status is TaskStatus.STOPPED
    assert audit(installation, [installation.open_engine("process", installation.settings)]) == []
    assert stopped > 0
