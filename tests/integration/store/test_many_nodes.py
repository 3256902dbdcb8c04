"""Several machines share a store: real agents, each a process that takes itself for another machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import CheckpointState, Task, TaskStatus
from agent.errors import Conflict
from agent.events.model import Level
from agent.heartbeats import Heartbeats
from agent.installation import Installation, node_of
from agent.liveness import agents_alive, why_waiting
from agent.nodes import node_views, why_stalled
from agent.run.lost_node import Declared, declare_lost
from agent.settings import Settings
from agent.store import Store, open_store
from agent.task_options import RequestedOptions
from tests.support.far_agent import BEAT_S, LEASE_S, FarAgent
from tests.support.inputs import COUNTED, write_model, write_project
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
        seen: set[Any] = set()

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


# ---------------------------------------------------------------- a node that is lost


def lose(lab: Lab, name: str, *, force: bool = False) -> Declared:
    view = next(node for node in node_views(lab.store) if node.name == name)
    return declare_lost(lab.installation, view, force=force)


def test_a_task_of_a_lost_node_ends_and_its_container_is_removed_when_the_node_comes_back(lab: Lab) -> None:
    task = lab.queue()
    a, process = lab.agent("a", checkpoints=2)
    lab.until(lambda: [c.state for c in lab.store.checkpoints.list(task.id)] == [CheckpointState.PUBLISHED] * 2)
    stop(lab, process)
    with pytest.raises(Conflict, match="is not lost"):
        lose(lab, "a")
    declared = lose(lab, "a", force=True)

    (ended,) = declared.ended
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "node_lost")
    assert ended.message == "node a, on which it ran, was declared lost; its 2 checkpoints are kept"
    told = lab.store.events.after(task.id)
    assert [(event.event_type, event.level, event.fields) for event in told[-1:]] == [
        ("TASK_CRASHED", Level.FATAL, {"reason": "node_lost", "exc_str": ended.message})
    ]
    (attempt,) = lab.store.attempts.list(task.id)
    assert (attempt.node, attempt.reason, attempt.ended_at is not None) == (task_node(lab, "a"), "node_lost", True)
    a.go.touch()  # the plugin goes on, and reports another checkpoint
    process.send_signal(signal.SIGCONT)
    lab.until(a.removed.exists)
    lab.beats_pass("a")
    assert lab.store.tasks.get(task.id) == ended
    assert lab.store.events.after(task.id) == told
    assert len(lab.store.checkpoints.list(task.id)) == 2
    again = lab.queue(name="another")  # the node is as good as ever
    assert lab.ends(again).status is TaskStatus.FINISHED


def task_node(lab: Lab, name: str) -> str:
    return lab.store.nodes.find(name).id


def test_a_task_with_restarts_goes_on_from_its_last_checkpoint_on_another_node(lab: Lab) -> None:
    config = {"lr": 0.1, "weights_init_type": "transfer_learning"}
    task = lab.queue(config=config, options=RequestedOptions(restarts=1))
    a, process = lab.agent("a", checkpoints=2, lines=3)
    lab.until(lambda: [c.state for c in lab.store.checkpoints.list(task.id)] == [CheckpointState.PUBLISHED] * 2)
    last = lab.store.checkpoints.list(task.id)[-1].model_id
    stop(lab, process)
    (queued,) = lose(lab, "a", force=True).queued
    assert (queued.status, queued.attempt, queued.lines_read, queued.engine) == (TaskStatus.QUEUED, 2, 0, None)
    before = lab.store.events.last_seq(task.id)

    b, _ = lab.agent("b")
    lab.runs(task)
    process.send_signal(signal.SIGCONT)
    lab.until(a.removed.exists)
    b.go.touch()
    ended = lab.ends(task)

    assert (ended.status, ended.attempt, ended.config) == (TaskStatus.FINISHED, 2, config)
    first, second = lab.store.attempts.list(task.id)
    assert (first.reason, second.reason) == ("node_lost", "finished")
    assert (first.model_id, second.model_id, second.first_seq) == (lab.model.id, last, before + 1)
    events = lab.store.events.after(task.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    printed = [event.message for event in events if " line " in event.message]
    assert printed == ["a line 0", "a line 1", "a line 2", "b line 0"]
    (restart,) = [event for event in events if event.event_type == "TASK_RESTARTS"]
    assert restart.message.startswith("attempt 2 of 2: node a, on which it ran, was declared lost; it goes on from")
    given = [event.fields["config"] for event in events if event.message == "TASK_MSG" and event.fields]
    assert given == [config, {**config, "weights_init_type": "continue_training"}]
    models = [c.model_id for c in lab.store.checkpoints.list(task.id)]
    assert lab.store.models.get(models[-1] or 0).provenance.parent_model_id == last


def test_a_node_that_comes_back_may_run_the_next_attempt_itself(lab: Lab) -> None:
    task = lab.queue(options=RequestedOptions(restarts=1))
    a, process = lab.agent("a")
    lab.runs(task)
    stop(lab, process)
    lose(lab, "a", force=True)
    a.go.touch()
    process.send_signal(signal.SIGCONT)
    ended = lab.ends(task)
    assert (ended.status, ended.attempt, ended.lines_read) == (TaskStatus.FINISHED, 2, 2)
    assert len([event for event in lab.store.events.after(task.id) if event.message == "a line 0"]) == 2


def test_a_task_that_waits_for_its_silent_node_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.nodes.SILENT_S", 1.0)
    monkeypatch.setattr("agent.liveness.SEEN_WITHIN", timedelta(seconds=1))
    task = lab.queue()
    _, process = lab.agent("a")
    lab.runs(task)
    stop(lab, process)
    lab.lease_passes("a")
    listed = {agent.id: agent for agent in lab.store.agents.list()}
    why = why_stalled(lab.store.tasks.get(task.id), listed, lab.store.nodes.names())
    assert re.fullmatch(r"Node a is silent for \d+ s: the task waits for it; `agent node lost a` ends it\.", why)
    (node,) = node_views(lab.store)
    assert (node.name, node.is_alive, node.running) == ("a", False, 1)
    (ended,) = lose(lab, "a").ended  # nobody has to force it
    assert ended.message == "node a, on which it ran, was declared lost; no checkpoint had been kept"


# ---------------------------------------------------------------- where a task runs


def why(lab: Lab, task: Task) -> str:
    plugin = lab.store.plugins.get(task.plugin_id)
    return why_waiting(agents_alive(lab.store), lab.store.tasks.get(task.id), plugin, lab.store.nodes.names())


def test_a_plugin_folder_on_one_node_is_left_to_that_node(lab: Lab) -> None:
    node = node_of(Settings(home=lab.folder / "a"))
    lab.store.nodes.put(node, "a")
    task = lab.queue(plugin=library.add_plugin_folder(lab.store, COUNTED, "local", node=node))
    lab.agent("b")
    lab.beats_pass("b")
    assert lab.store.tasks.get(task.id).status is TaskStatus.QUEUED
    assert "lies in a folder of node a, and no agent of it takes tasks" in why(lab, task)
    a, _ = lab.agent("a")
    a.go.touch()
    assert lab.ends(task).node == node


def test_a_task_runs_where_the_labels_are_that_it_asks_for(lab: Lab) -> None:
    task = lab.queue(options=RequestedOptions(on={"zone": "lab"}))
    plain = lab.queue(name="plain")
    a, _ = lab.agent("a", labels="zone=home")
    a.go.touch()
    assert str(lab.ends(plain).agent_id).startswith("a:")
    assert why(lab, task) == "No agent has label zone=lab, which the task asks for."
    b, _ = lab.agent("b", labels="gpu=a100,zone=lab")
    b.go.touch()
    assert str(lab.ends(task).agent_id).startswith("b:")


def test_a_task_that_asks_for_gpus_waits_for_a_node_that_has_some(lab: Lab) -> None:
    task = lab.queue(options=RequestedOptions(gpus="0,1"))
    lab.agent("a")
    lab.until(lambda: why(lab, task) == "No agent has 2 GPUs, which the task asks for.")
    assert lab.store.tasks.get(task.id).status is TaskStatus.QUEUED
