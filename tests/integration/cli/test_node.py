"""`agent node`, and submitting a task that this node cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.domain import NewModel, NewProject, NewTask, TaskOptions, TaskType
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.inputs import COUNTED, Cli, write_project

NODE = "ab" * 16
FAR = {"machine": "another-boot/pid:[1]", "pid": 1, "started": 1, "node": NODE, "takes": "queue", "left": True}


def launched(store: Store, restarts: int) -> int:
    """A task that node `lab` has launched."""
    plugin = store.plugins.put(
        title="Net", description="", type="", image="registry.example/net", tag="1", modes=["train"], readme="",
        configs=[], image_digest=None, folder=None, content_sha256=None,
    )  # fmt: skip
    project = store.projects.by_content("0" * 64) or store.projects.add(NewProject("fruit", "", {}, "0" * 64, []))
    start = store.models.add(NewModel("start", "1" * 64, 10, {}))
    options = TaskOptions(restarts=restarts)
    new = NewTask(TaskType.TRAIN, "net", plugin.id, project.id, start.id, {}, options)
    task = store.tasks.add(new, agent_id="lab:1:x", node=NODE)
    store.tasks.launching(task.id, engine="docker", spec={}, image_digest=None, agent_id="lab:1:x")
    return task.id


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    home = tmp_path / "home"
    home.mkdir()
    return Cli(home, {"AGENT_ENGINE": "process", "AGENT_NAME": "here"})


@pytest.fixture
def two(cli: Cli) -> tuple[int, int]:
    """Two tasks of a node whose agent has left; the second may start again."""
    with open_store(Settings(home=cli.home).store) as store:
        store.nodes.put(NODE, "lab")
        store.agents.beat("lab:1:x", "lab", {**FAR, "labels": {"zone": "lab"}, "gpus": 2, "engine": "docker"})
        return launched(store, 0), launched(store, 1)


def test_without_an_agent_there_is_no_node(cli: Cli) -> None:
    assert "No nodes yet; `agent up` makes this machine one." in cli.run("node", "list").stdout
    said = cli.run("node", "lost", "lab", code=2).stderr
    assert "There is no node 'lab'; the nodes are: none yet." in said


def test_a_lost_node_is_listed_and_its_tasks_end_or_start_again(cli: Cli, two: tuple[int, int]) -> None:
    ends, starts_again = two
    (node,) = cli.json("node", "list")
    known = {"id": NODE, "name": "lab", "alive": False, "tasks": 2, "gpus": 2, "labels": {"zone": "lab"}}
    assert known.items() <= node.items()
    assert "zone=lab" in cli.run("node", "list").stdout
    assert "nobody runs it" not in cli.run("task", "list").stdout  # it is not lost for its own node
    assert "lab" in cli.run("task", "show", ends).stdout

    said = cli.run("node", "lost", NODE[:6]).stdout
    assert said == f"task {ends}: error (node_lost)\ntask {starts_again}: queued for attempt 2\n"
    assert cli.json("task", "show", ends)["message"] == (
        "node lab, on which it ran, was declared lost; no checkpoint had been kept"
    )
    shown = cli.run("task", "show", starts_again).stdout
    assert "attempt 1" in shown
    assert "queued, from model" in shown
    assert "no task runs on node lab" in cli.run("node", "lost", "lab").stderr
    assert cli.run("task", "wait", ends, code=3).stderr.count("node_lost") >= 1


def test_a_node_that_lives_is_not_lost(cli: Cli, two: tuple[int, int]) -> None:
    with open_store(Settings(home=cli.home).store) as store:
        store.agents.beat("lab:1:x", "lab", {**FAR, "left": False})
    assert "node lab is not lost: an agent of it is alive (lab:1:x)" in cli.run("node", "lost", "lab", code=2).stderr
    assert len(cli.run("node", "lost", "lab", "--force").stdout.splitlines()) == len(two)


def test_a_task_that_this_node_cannot_run_is_queued_or_refused(cli: Cli, tmp_path: Path) -> None:
    words = ("submit-train", "--plugin", COUNTED, "--project", write_project(tmp_path / "fruit"), "--on", "zone=lab")
    said = cli.run(*words, code=2).stderr
    assert "this node lacks label zone=lab, which the task asks for; with --detach it is queued" in said
    done = cli.run(*words, "--detach")
    assert done.stdout.strip() == "1"
    assert "task 1 waits: this node lacks label zone=lab" in done.stderr
    assert cli.json("task", "show", 1)["status"] == "queued"
    refused = cli.run("run", "--task", 1, code=2).stderr
    assert "task 1 is not free: this node lacks label zone=lab" in refused
    able = Cli(cli.home, {**cli.env, "AGENT_LABELS": "zone=lab"})
    able.run("run", "--task", 1)
    (node,) = cli.json("node", "list")
    assert (node["name"], node["alive"], node["silent_s"]) == ("here", False, None)
