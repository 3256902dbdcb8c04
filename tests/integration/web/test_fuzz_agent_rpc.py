"""Generated calls of an original agent: its own tasks alone feel them, and every answer is one of few."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain import Task
from agent.store import Store
from tests.chaos import odd_calls
from tests.integration.web.conftest import Site
from tests.support.demo_store import new_task
from tests.support.fuzzing import fuzz
from tests.support.original_agent import TaskLog
from web_stub.agent_rpc import worker_api_pb2 as api

METHODS = ("AgentConnected", "AgentPing", "Log", "UpdateTelemetry", "GetImagesInfo", "Dance")


@dataclass
class Rig:
    site: Site
    secret: str
    agent_id: str
    own: Task
    other: Task
    log: TaskLog  # of its own task: every line of all examples has a time of its own


@pytest.fixture
def rig(site: Site, store: Store) -> Rig:
    token, secret = store.tokens.create("wild", is_agent=True)
    agent_id = f"wild:original:{token.id}"
    own, other = (new_task(store, site.library, name) for name in ("own", "of another"))
    store.tasks.claim(agent_id, task_id=own.id)
    store.tasks.claim("laptop:1:ab", task_id=other.id)
    return Rig(site, secret, agent_id, store.tasks.get(own.id), store.tasks.get(other.id), TaskLog(own.id))


@fuzz(60)
@given(rng=st.randoms(use_true_random=False), method=st.sampled_from(METHODS))
def test_any_call_is_answered_and_harms_no_other_task(rig: Rig, rng: random.Random, method: str) -> None:
    body = odd_calls.body(rng, (rig.own.id, rig.other.id))[:100_000]
    answer = rig.site.stranger.post(f"/agent/{method}", content=body, headers={"x-token": rig.secret})
    assert answer.status_code in {200, 400, 404, 501}
    assert rig.site.store.tasks.get(rig.other.id) == rig.other
    assert rig.site.store.events.last_seq(rig.other.id) == 0


@fuzz(60)
@given(rng=st.randoms(use_true_random=False))
def test_any_lines_are_taken_and_the_same_call_counts_once(rig: Rig, rng: random.Random) -> None:
    body = odd_calls.calls_of_log(rng, (rig.own.id, rig.other.id))
    store, before = rig.site.store, rig.site.store.tasks.get(rig.own.id).events_count
    counts = []
    for _ in range(2):
        answer = rig.site.stranger.post("/agent/Log", content=body, headers={"x-token": rig.secret})
        assert answer.status_code == 200, answer.text
        counts.append(store.tasks.get(rig.own.id).events_count - before)
    if all("timestamp" in line for line in api.LogLines.FromString(body).data):
        assert counts[0] == counts[1]
    assert store.tasks.get(rig.other.id) == rig.other


@fuzz(30)
@given(
    calls=st.lists(st.lists(st.sampled_from(("text", "line", "metrics")), min_size=1, max_size=4), max_size=6),
    repeats=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6),
)
def test_calls_that_come_again_at_any_time_keep_each_line_once(
    rig: Rig, calls: list[list[str]], repeats: list[tuple[int, int]]
) -> None:
    """`repeats`: behind which call which earlier one comes again."""
    log, store = rig.log, rig.site.store
    made, number = [], 0
    for kinds in calls:
        lines = []
        for kind in kinds:
            number += 1
            match kind:
                case "text":
                    lines.append(log.text(f"n {number}"))
                case "line":
                    lines.append(log.line(f"n {number}"))
                case _:
                    lines.append(log.metrics(number, n=number))
        made.append(api.LogLines(data=lines).SerializeToString())
    before = store.events.last_seq(rig.own.id)
    for index, body in enumerate(made):
        for again in (body, *(made[earlier] for behind, earlier in repeats if behind == index and earlier <= index)):
            answer = rig.site.stranger.post("/agent/Log", content=again, headers={"x-token": rig.secret})
            assert answer.status_code == 200
    kept = list(store.events.each(rig.own.id, before))
    assert len(kept) == number
