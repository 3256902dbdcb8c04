"""When an agent is alive, and why a queued task waits for the agents that are."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent.liveness import SEEN_WITHIN, is_alive, process_runs, this_process, why_waiting
from agent.store import AgentRow

NOW, LONG_AGO = timedelta(), timedelta(hours=9)
ELSEWHERE = {"pid": os.getpid(), "started": 1, "machine": "another/pid:[1]"}


@pytest.mark.parametrize(
    ("info", "unseen_for", "expected"),
    [
        (this_process(), NOW, True),
        (this_process(), LONG_AGO, True),  # the machine slept; the process is there
        ({**this_process(), "started": 1}, NOW, False),  # another process has its number now
        ({**this_process(), "pid": 2**22 + 1}, NOW, False),  # above every process number of Linux
        ({**this_process(), "pid": 10**30}, NOW, False),
        (ELSEWHERE, NOW, True),
        (ELSEWHERE, SEEN_WITHIN, False),
        ({}, NOW, True),
        ({}, LONG_AGO, False),
        ({"pid": "x", "machine": this_process()["machine"]}, LONG_AGO, False),
    ],
)
def test_an_agent_is_alive_by_its_process_or_elsewhere_by_its_heartbeat(info, unseen_for, expected):
    assert is_alive(AgentRow("a:1:x", "a", info, datetime.now(UTC), unseen_for)) is expected


def test_whether_a_process_of_another_machine_runs_is_unknown():
    assert process_runs(ELSEWHERE) is None
    assert process_runs({}) is None


NO_DOCKER = {"waiting": {"docker": "no engine answers"}}
NO_SPACE = {"waiting": {"storage": "the disk is full"}}


HERE, THERE = {"node": "here"}, {"node": "there", "labels": {"zone": "lab"}, "gpus": 0}


@pytest.mark.parametrize(
    ("options", "node", "agents", "expected"),
    [
        ({}, "there", [HERE, THERE], ""),
        (
            {},
            "there",
            [HERE],
            "Plugin local/net:1 lies in a folder of node lab2, and no agent of it takes tasks from the queue.",
        ),
        ({"on": {"zone": "lab"}}, None, [HERE, THERE], ""),
        ({"on": {"zone": "lab"}}, None, [HERE], "No agent has label zone=lab, which the task asks for."),
        ({"gpus": "all"}, None, [HERE, THERE], ""),  # nobody knows what an older agent has
        ({"gpus": "0,1"}, None, [THERE], "No agent has 2 GPUs, which the task asks for."),
        (
            {"gpus": "0", "on": {"a": "b"}},
            None,
            [THERE, {**THERE, "labels": {"a": "b"}}],
            "No agent has label a=b and a GPU, which the task asks for.",
        ),
        ({"on": {"zone": "lab"}}, None, [HERE, {**THERE, **NO_SPACE}], "the disk is full"),
    ],
)
def test_a_queued_task_waits_for_a_node_that_has_what_it_needs(options, node, agents, expected):
    rows = [AgentRow(f"a:{i}:x", "a", info, datetime.now(UTC)) for i, info in enumerate(agents)]
    task: Any = SimpleNamespace(
        id=7, options=SimpleNamespace(**{"engine": "auto", "gpus": "auto", "on": {}, **options})
    )
    plugin: Any = SimpleNamespace(folder="/net", node=node, reference="local/net:1")
    assert why_waiting(rows, task, plugin, {"there": "lab2"}) == expected


def test_a_process_of_this_node_from_before_the_machine_was_started_again_is_gone():
    before = {**this_process(), "machine": "another-boot/pid:[1]", "node": "n"}
    assert process_runs(before, "n") is False
    assert process_runs(before) is None
    assert process_runs(before, "m") is None
    assert process_runs({**before, "host": "another"}, "n") is None  # a home that two machines share
    assert process_runs({**this_process(), "left": True}) is False


@pytest.mark.parametrize(
    ("asked", "folder", "agents", "expected"),
    [
        ("docker", "/here", [], "No agent takes tasks from the queue; start one with `agent up`."),
        ("docker", "/here", [{"takes": "one"}], "No agent takes tasks from the queue; start one with `agent up`."),
        ("docker", "/here", [{}], ""),
        ("docker", "/here", [NO_DOCKER], "no engine answers"),
        ("docker", "/here", [NO_DOCKER, {}], ""),  # the other agent can run it
        ("docker", "/here", [{**NO_DOCKER, "takes": "one", "task": 7}], "no engine answers"),
        ("docker", "/here", [{**NO_DOCKER, **NO_SPACE}], "the disk is full"),
        ("process", "/here", [NO_DOCKER], ""),
        ("auto", "/here", [NO_DOCKER], ""),
        ("auto", "/here", [{**NO_DOCKER, "engine": "docker"}], "no engine answers"),
        ("auto", None, [NO_DOCKER], "no engine answers"),  # known by its image only
        ("auto", None, [{**NO_DOCKER, "engine": "process"}], ""),
    ],
)
def test_a_queued_task_waits_for_what_no_agent_has(asked, folder, agents, expected):
    rows = [AgentRow(f"a:{i}:x", "a", info, datetime.now(UTC)) for i, info in enumerate(agents)]
    task: Any = SimpleNamespace(id=7, options=SimpleNamespace(engine=asked, gpus="auto", on={}))
    plugin: Any = SimpleNamespace(folder=folder, node=None)
    assert why_waiting(rows, task, plugin) == expected
