"""Answers for monitors, and the conditions for listening beyond the loopback."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.domain import TaskStatus
from agent.errors import BadInput
from agent.settings import Settings
from tests.support.demo_store import new_task
from tests.support.web_server import TOKEN, Server
from web_stub import health
from web_stub.auth.exposure import CHOSEN_LENGTH, meaning_of_exposure
from web_stub.health import Readiness


def fresh(site):
    """Forget the answers of the last probe."""
    site.app.state.readiness = Readiness(site.app.state.web)
    return site.stranger.get("/readyz")


def test_health_is_answered_without_a_token(site):
    for address in ("/health", "/healthz"):
        assert site.stranger.get(address).text == "ok"


def test_it_is_ready_when_store_artifacts_and_an_agent_answer(site):
    assert fresh(site).status_code == 503
    assert fresh(site).json()["agent"] == "none was seen in the last minute"

    site.store.agents.beat("laptop:1:a", "laptop", {})
    answer = fresh(site)

    assert answer.status_code == 200
    said = answer.json()
    assert 0 <= said.pop("age_s") < 5
    assert said == {"ready": True, "store": "ok", "artifacts": "ok", "agent": "ok"}
    assert not list((site.settings.home / "artifacts" / "half").iterdir()), "looking leaves nothing"


def test_artifacts_that_are_gone_are_named_without_their_path(site):
    site.store.agents.beat("laptop:1:a", "laptop", {})
    shutil.rmtree(site.settings.home / "artifacts")
    answer = fresh(site)

    assert answer.status_code == 503
    assert answer.json()["artifacts"] == "does not take bytes"
    assert str(site.settings.home) not in answer.text


def test_any_number_of_requests_probes_store_and_artifacts_once_a_second(site):
    first = fresh(site)
    site.store.agents.beat("laptop:1:a", "laptop", {})

    again = site.stranger.get("/readyz").json()
    assert again["agent"] == first.json()["agent"] == "none was seen in the last minute"


def test_health_is_answered_at_once_while_the_store_hangs_and_every_thread_waits_for_it(
    site, start_server, monkeypatch
):
    monkeypatch.setattr(health, "_LATE_S", 1.0)
    store, hangs = site.store, threading.Event()
    original = store.tasks.summaries

    def summaries(*args, **more):
        hangs.wait(20)
        return original(*args, **more)

    server = start_server()
    try:
        with server.client() as client, ThreadPoolExecutor(60) as pool:
            assert client.get("/readyz").json()["store"] == "ok"
            monkeypatch.setattr(store.tasks, "summaries", summaries)
            waiting = [pool.submit(httpx2.get, f"{server.url}/api/tasks", headers={"x-api-key": TOKEN}, timeout=30)
                       for _ in range(60)]  # fmt: skip
            slowest = 0.0
            for _ in range(10):
                for path in ("/healthz", "/readyz"):
                    asked = time.monotonic()
                    said = client.get(path)
                    slowest = max(slowest, time.monotonic() - asked)
                time.sleep(0.2)
            assert slowest < 10  # the store hangs for 20 s
            assert (said.status_code, said.json()["store"], said.json()["artifacts"]) == (503, "does not answer", "ok")
            assert said.json()["age_s"] > 1
            hangs.set()
            assert {answer.result().status_code for answer in waiting} == {200}
    finally:
        hangs.set()


def test_the_metrics_need_a_token_and_count_every_object(site):
    first = new_task(site.store, site.library, "one")
    new_task(site.store, site.library, "two")
    site.store.tasks.request_stop(first.id)
    site.store.agents.beat("laptop:1:a", "laptop", {})

    assert site.stranger.get("/metrics").status_code == 401
    answer = site.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=1.0.0")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["supervisely_tasks", "queued"] == samples["supervisely_tasks", "stopped"] == 1
    assert {labels[0] for name, *labels in samples if name == "supervisely_tasks"} == set(TaskStatus)
    assert samples["supervisely_agents_alive",] == 1
    assert samples["supervisely_models",] == 1
    assert samples["supervisely_queue_wait_seconds",] >= 0
    assert samples["supervisely_home_free_bytes",] > 0
    assert samples["process_resident_memory_bytes",] > 0


def test_the_metrics_say_what_each_agent_runs_and_how_long_the_queue_has_waited(site):
    running = new_task(site.store, site.library, "running")
    site.store.tasks.claim("laptop:1:a", task_id=running.id)
    new_task(site.store, site.library, "waiting")

    answer = site.client.get("/metrics").text

    assert 'supervisely_agent_tasks{agent="laptop:1:a"} 1.0' in answer
    waited = next(line for line in answer.splitlines() if line.startswith("supervisely_queue_wait_seconds "))
    assert 0 < float(waited.split()[1]) < 60


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "box.lab.example"])
@pytest.mark.parametrize("token", ["", "short", "x" * (CHOSEN_LENGTH - 1)])
def test_listening_beyond_loopback_demands_a_token_that_cannot_be_guessed(tmp_path, host, token):
    with pytest.raises(
        BadInput, match=f"listening on {host} .* whoever has it runs code here as this user.*AGENT_TOKEN"
    ):
        meaning_of_exposure(Settings(home=tmp_path, web_host=host, token=token))


def test_listening_beyond_loopback_explains_the_risk(tmp_path):
    said = meaning_of_exposure(Settings(home=tmp_path, web_host="0.0.0.0", token="x" * CHOSEN_LENGTH))

    assert "whoever has a token runs code here" in said
    assert "unencrypted" in said
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        assert meaning_of_exposure(Settings(home=tmp_path, web_host=host)) == ""


def test_the_server_warns_when_it_listens_beyond_loopback(site, caplog):
    with caplog.at_level(logging.WARNING):
        Server(site.store, site.artifacts, replace(site.settings, web_host="0.0.0.0")).stop()

    assert [record for record in caplog.records if "other machines can reach this page" in record.getMessage()]
    assert site.settings.token not in caplog.text
