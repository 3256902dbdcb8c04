"""When an agent is alive, and why a queued task waits for the agents that are."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent.domain import Plugin
from agent.liveness import (
    SEEN_WITHIN,
    held_by_models,
    is_alive,
    process_runs,
    takers,
    this_process,
    why_not_here,
    why_waiting,
)
from agent.needs import Offer
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
ALONE = "Plugin local/net:1 lies in a folder of node lab2"
NO_IMAGES = "its image can be had elsewhere, but no agent there runs images"
GIVES = "there gives its image to the other nodes"


def made_plugin(**fields: Any) -> Plugin:
    return Plugin(
        id=3, title="Net", description="", type="", image="local/net", tag="1", modes=("train",), readme="", configs=(),
        image_digest=None, content_sha256=None, created_at=datetime.now(UTC), updated_at=datetime.now(UTC),
        **{"folder": "/net", **fields},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "node", "agents", "expected"),
    [
        ({}, "there", [HERE, THERE], ""),
        (
            {},
            "there",
            [HERE],
            f"{ALONE}, and no agent of it takes tasks from the queue; `agent plugin push 3` {GIVES}.",
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
        id=7, only_for=None, options=SimpleNamespace(**{"engine": "auto", "gpus": "auto", "on": {}, **options})
    )
    assert why_waiting(rows, task, made_plugin(node=node), {"there": "lab2"}) == expected


def agents(*infos: dict[str, Any]) -> list[AgentRow]:
    return [AgentRow(f"a:{i}:x", "a", info, datetime.now(UTC)) for i, info in enumerate(infos)]


def task_on(engine: str = "auto") -> Any:
    return SimpleNamespace(id=7, only_for=None, options=SimpleNamespace(engine=engine, gpus="auto", on={}))


@pytest.mark.parametrize(
    ("only_for", "info", "expected"),
    [
        ("b", HERE, "Agent b, for which the task was queued, does not run."),
        ("a", HERE, ""),
        ("a", {**HERE, "takes": "original"}, ""),
        ("a", {**HERE, "takes": "one"}, "No agent takes tasks from the queue; start one with `agent up`."),
        ("a", {**HERE, **NO_SPACE}, "the disk is full"),
        ("slurm", {**HERE, "takes": "cluster", "cluster": "slurm"}, ""),
    ],
)
def test_a_task_for_one_agent_waits_for_that_agent(only_for, info, expected):
    task = task_on()
    task.only_for = only_for
    assert why_waiting(agents(info), task, made_plugin()) == expected


@pytest.mark.parametrize(
    ("engine", "agent", "expected"),
    [
        ("auto", HERE, ""),
        ("docker", HERE, ""),
        ("apptainer", HERE, ""),
        ("process", HERE, f"{ALONE}; {NO_IMAGES}."),
        ("auto", {**HERE, "engine": "process"}, f"{ALONE}; {NO_IMAGES}."),
        ("process", THERE, ""),
    ],
)  # fmt: skip
def test_an_image_that_can_be_had_frees_its_tasks_from_the_node_of_the_folder(engine, agent, expected):
    for shared in ({"pushed": "reg/net@sha256:1"}, {"kept_bytes": 5}):
        plugin = made_plugin(node="there", **shared)
        assert why_waiting(agents(agent), task_on(engine), plugin, {"there": "lab2"}) == expected
        assert bool(takers(agents(agent), task_on(engine), plugin)) == (expected == "")


def test_a_folder_of_another_node_does_not_run_as_a_process_here():
    """The engine of the setting `auto` may be away: then the task waits for Docker here."""
    agent = {**HERE, "waiting": {"docker": "no engine answers"}}
    plugin = made_plugin(node="there", kept_bytes=5)
    assert why_waiting(agents(agent), task_on(), plugin) == "no engine answers"
    assert why_waiting(agents(agent), task_on(), made_plugin(node="here", kept_bytes=5)) == ""


def test_kubernetes_cannot_have_an_image_that_is_in_the_artifacts_only_and_the_sentence_says_what_to_do():
    controller = {**HERE, "takes": "cluster", "cluster": "kubernetes"}
    kept = made_plugin(node="there", kept_bytes=5)
    why = why_waiting(agents(controller), task_on(), kept)
    assert "cannot pull it: set AGENT_REGISTRY to a registry and run `agent plugin push 3`" in why
    assert why_waiting(agents(controller, HERE), task_on(), kept) == ""  # an agent of the queue loads it
    assert why_waiting(agents(controller), task_on(), replace(kept, pushed="reg/net@sha256:1")) == ""
    slurm = {**controller, "cluster": "slurm"}
    assert why_waiting(agents(slurm), task_on(), kept) == ""


def test_a_foreground_task_runs_here_when_the_image_can_be_had():
    def here(engine: str = "auto", setting: str = "auto", **shared: Any) -> str:
        plugin = made_plugin(node="there", **shared)
        return why_not_here(task_on(engine), plugin, "here", lambda _: Offer(), {"there": "lab2"}, setting)

    assert here() == f"{ALONE}, and this is another node"
    assert here(kept_bytes=5) == ""
    assert here("process", kept_bytes=5) == f"{ALONE}, and this is another node"
    assert here("auto", "process", kept_bytes=5) == f"{ALONE}, and this is another node"


def test_a_task_that_waits_for_a_deployed_model_is_told_so():
    def agent(name: str, **info: Any) -> AgentRow:
        return AgentRow(name, name, {"takes": "queue", **info}, datetime.now(UTC), NOW)

    def deployed(number: int, by: str) -> Any:
        return SimpleNamespace(id=number, agent_id=by)

    full = held_by_models([agent("a", places=1)], [deployed(2, "a")])
    assert "task 2; `agent task stop 2` ends it, `agent up --parallel 2` has more places" in full
    assert held_by_models([agent("a", places=2)], [deployed(2, "a")]) == ""
    assert held_by_models([agent("a", places=1), agent("b", places=1)], [deployed(2, "a")]) == ""
    assert held_by_models([agent("a", places=1), agent("b", takes="one")], [deployed(2, "a")]) != ""
    assert held_by_models([agent("a")], [deployed(2, "a")]) == ""  # an agent of an older release
    assert held_by_models([], []) == ""
    assert held_by_models([], [deployed(2, "a")]) == ""
