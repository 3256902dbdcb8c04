"""Several machines share a store: real agents, each a process that takes itself for another machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.heartbeats import Heartbeats
from agent.installation import Installation
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.far_agent import BEAT_S, LEASE_S, FarAgent
from tests.support.inputs import write_model, write_project
from tests.support.tasks import queue_task


class Lab:
    """A store and artifacts that several nodes share."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.store: Store = open_store(url)
        self.artifacts = str(folder / "artifacts")
        settings = Settings(home=folder / "front", store_url=url, artifacts_url=self.artifacts)
        settings.home.mkdir()
        self.installation = Installation(self.store, open_artifacts(settings.artifacts), settings)
        self.plugin: Any = self.store.plugins.put(
            title="Net", description="", type="architecture", image="registry.example/net", tag="1", modes=["train"],
            readme="", configs=[], image_digest=None, folder=None, content_sha256=None,
        )  # fmt: skip
        self.project = library.add_project(self.store, self.installation.artifacts, write_project(folder / "fruit"))
        self.model = library.add_model(self.store, self.installation.artifacts, write_model(folder / "start"))
        self._processes: list[subprocess.Popen[str]] = []

    def agent(self, name: str, **more: Any) -> tuple[FarAgent, subprocess.Popen[str]]:
        agent = FarAgent(self.url, str(self.folder / name), self.artifacts, name, **more)
        process = agent.start()
        self._processes.append(process)
        self.until(lambda: any(one.info.get("pid") == process.pid for one in self.store.agents.list()))
        return agent, process

    def queue(self, **asked: Any) -> Task:
        return queue_task(
            self.installation, **{"plugin": self.plugin, "project": self.project, "model": self.model, **asked}
        )

    def until(self, reached: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not reached():
            assert time.monotonic() < deadline, [(t.id, t.status, t.message) for t in self.store.tasks.list()]
            self.store.wait_for_change(0.1)

    def runs(self, task: Task) -> Task:
        """Wait until the task's container has printed."""
        self.until(lambda: self.store.tasks.get(task.id).lines_read > 0)
        return self.store.tasks.get(task.id)

    def ends(self, task: Task) -> Task:
        self.until(lambda: self.store.tasks.get(task.id).status.is_final)
        return self.store.tasks.get(task.id)

    def beats_pass(self, name: str, count: int = 5) -> None:
        """Wait until the agent of this name has beaten so often."""
        seen = set()

        def look() -> bool:
            seen.update(one.last_seen for one in self.store.agents.list() if one.name == name)
            return len(seen) > count

        self.until(look)

    def lease_passes(self, name: str) -> None:
        """Wait until whoever watches knows that this agent is silent."""
        watch = Heartbeats(LEASE_S + 5 * BEAT_S, gap_s=LEASE_S)

        def look() -> bool:
            watch.look({one.name: one.last_seen for one in self.store.agents.list()}, time.monotonic())
            return name in watch.silent

        self.until(look)

    def close(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()
        self.store.close()


@pytest.fixture
def lab(store_url: str, tmp_path: Path) -> Iterator[Lab]:
    made = Lab(store_url, tmp_path)
    try:
        yield made
    finally:
        made.close()


def stop(lab: Lab, process: subprocess.Popen[str]) -> None:
    """As a machine that sleeps. Not inside a transaction of SQLite, which would keep the others waiting."""
    with lab.store._db.writing():
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)


def test_a_launched_task_waits_for_its_node_and_goes_on_there(lab: Lab) -> None:
    task = lab.queue()
    a, process = lab.agent("a")
    holder = lab.runs(task).agent_id
    lab.agent("b")
    stop(lab, process)
    lab.lease_passes("a")
    lab.beats_pass("b")

    waiting = lab.store.tasks.get(task.id)
    assert (waiting.status, waiting.agent_id) == (TaskStatus.STARTED, holder)
    assert lab.store.nodes.names()[str(waiting.node)] == "a"

    process.send_signal(signal.SIGCONT)
    a.go.touch()
    ended = lab.ends(task)
    assert (ended.status, ended.agent_id) == (TaskStatus.FINISHED, holder)
    notes = [event.event_type for event in lab.store.events.after(task.id)]
    assert "MISSED_TASK_FOUND" not in notes


def test_a_node_whose_clock_is_ahead_takes_nothing(lab: Lab) -> None:
    task = lab.queue()
    a, _ = lab.agent("a")
    holder = lab.runs(task).agent_id
    lab.agent("b", ahead_s=3600)
    lab.agent("a2", machine="elsewhere", ahead_s=-3600)
    lab.beats_pass("b", 20)
    assert lab.store.tasks.get(task.id).agent_id == holder
    a.go.touch()
    assert lab.ends(task).agent_id == holder


def test_another_agent_of_the_node_goes_on_with_the_task_of_a_dead_one(lab: Lab) -> None:
    """As a container of an agent that was made anew: another process namespace, the same home."""
    task = lab.queue()
    _, process = lab.agent("a")
    lab.runs(task)
    process.kill()
    again = FarAgent(lab.url, str(lab.folder / "a"), lab.artifacts, "a", machine="a-again").start()
    lab._processes.append(again)
    lab.until(lambda: f":{again.pid}:" in str(lab.store.tasks.get(task.id).agent_id))
    ended = lab.ends(task)  # the fake engine of the new process has no container
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "container_lost")


def test_a_task_that_was_only_claimed_is_queued_again_for_any_node(lab: Lab) -> None:
    task = lab.queue()
    lab.store.agents.beat("a:1:x", "a", {"machine": "boot-of-a/pid:[1]", "pid": 1, "started": 1, "node": "a" * 32})
    assert lab.store.tasks.claim("a:1:x", node="a" * 32) is not None
    lab.store.tasks.become(task.id, TaskStatus.STARTED)
    b, _ = lab.agent("b")
    b.go.touch()
    ended = lab.ends(task)
    assert (ended.status, str(ended.agent_id).partition(":")[0]) == (TaskStatus.FINISHED, "b")


def test_two_nodes_share_a_queue_and_run_each_task_once(lab: Lab) -> None:
    tasks = [lab.queue(name=f"net {number}") for number in range(20)]
    for name in ("a", "b"):
        agent, _ = lab.agent(name, parallel=2)
        agent.go.touch()
    ended = [lab.ends(task) for task in tasks]
    assert {task.status for task in ended} == {TaskStatus.FINISHED}
    assert {task.lines_read for task in ended} == {2}
    for task in ended:
        starts = lab.store.events.after(task.id, event_type="CONTAINER_START")
        assert len(starts) <= 1
    assert {str(task.agent_id).partition(":")[0] for task in ended} == {"a", "b"}
