"""Pages, metrics, health and the public API agree on which agents are alive."""

from __future__ import annotations

import re

from agent.liveness import agents_alive, this_process
from tests.support.demo_store import new_task


def told(site):
    """The answers of metrics, health, the page of a new task, and the public API."""
    metrics = re.search(r"^supervisely_agents_alive (\S+)", site.client.get("/metrics").text, re.MULTILINE)
    assert metrics is not None
    public = site.client.post("/public/api/v3/agents.available", json={"teamId": 1}).json()
    return float(metrics[1]), site.client.get("/readyz").text, len(public)


def test_an_agent_that_died_a_moment_ago_is_alive_nowhere(site):
    site.store.agents.beat("box:1:aa", "box", {**this_process(), "started": 1, "takes": "queue"})
    assert agents_alive(site.store) == []
    dead = told(site)
    assert (dead[0], dead[2]) == (0, 0)
    assert "none was seen" in dead[1]

    site.store.agents.beat("box:2:bb", "box", {**this_process(), "takes": "queue"})
    site.store.agents.beat("box:3:cc", "box", {**this_process(), "takes": "one"})
    assert [agent.id for agent in agents_alive(site.store, takes="queue")] == ["box:2:bb"]
    alive = told(site)
    assert (alive[0], alive[2]) == (2, 1)  # readiness is asked again after a while only


def test_a_queued_task_says_why_it_waits_on_its_page_in_the_list_and_over_rest(site):
    queued = new_task(site.store, site.library, "fruit")
    away = {"docker": "no engine answers", "auto": "no engine answers", "process": "no engine answers"}
    site.store.agents.beat("box:2:bb", "box", {**this_process(), "takes": "queue", "waiting": away})
    assert site.client.get(f"/api/tasks/{queued.id}").json()["waits_for"] == "no engine answers"
    cards = {card["id"]: card["waits_for"] for card in site.client.get("/api/tasks").json()["items"]}
    assert cards[queued.id] == "no engine answers"
    site.store.agents.beat("box:2:bb", "box", {**this_process(), "takes": "queue", "waiting": {}})
    assert site.client.get(f"/api/tasks/{queued.id}").json()["waits_for"] is None
