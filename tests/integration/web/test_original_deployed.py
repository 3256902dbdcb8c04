"""A model that an original agent deploys: its message, its line, its calls with the agent's token."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from agent.artifacts import Artifacts
from agent.domain import TaskStatus
from agent.store import Store
from tests.integration.web.test_agent_rpc import API, call
from tests.support.demo_store import fill_library
from tests.support.original_agent import OriginalAgent, TaskLog
from tests.support.played_model import PlayedModel, png
from tests.support.web_server import Server
from web_stub.agent_rpc import worker_api_pb2 as api

ANSWER = {"size": {"width": 12, "height": 8}, "objects": [], "tags": [], "success": True}


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(models_bridge=False)


def test_a_model_from_the_queue_to_its_end(
    store: Store, artifacts: Artifacts, server: Server, agent: OriginalAgent
) -> None:
    library = fill_library(store, artifacts)
    with server.client() as person, ThreadPoolExecutor(1) as pool:
        (number,) = [one["id"] for one in call(person, "agents.list", teamId=1, filter=[])["entities"]]
        wanted = {"agentId": number, "modelId": library.model_id, "restartPolicy": "never"}
        made = call(person, "tasks.run.deploy", **wanted, settings={"gpu_device": 1}, pluginId=None, version=None)
        task_id = made["taskId"]
        message = agent.next_task()
        model = store.models.get(library.model_id)
        assert message.pop("user_api_key").startswith("slt_")
        assert message == {
            "task_id": task_id,
            "task_type": "infer_rpc",
            "docker_image": "local/unet-small:1.2.0",
            "config": {"gpu_device": 1},
            "projects": [],
            "models": [],
            "nn_model": {"id": model.id, "title": model.name, "hash": model.sha256},
            "task_settings": {"gpu_device": 1},
            "new_title": f"{model.name} deployed",
            "last_complete_step": None,
        }

        log = TaskLog(task_id)
        agent.log(*log.begun(), log.line("loading"))
        assert store.tasks.get(task_id).status is TaskStatus.STARTED
        for _ in range(2):
            agent.log(log.line("Ready to get events", "TASK_DEPLOYED"))
            assert store.tasks.get(task_id).status is TaskStatus.DEPLOYED

        played = PlayedModel(server.url, agent.http.headers["x-token"], task_id)
        with played.requests() as requests:
            next(requests)
            form: Any = {"id": (None, str(model.id)), "data": (None, "{}"), "image": ("img", png())}
            asked = pool.submit(person.post, f"{API}/models.infer", files=form)
            request_id = next(one.request_id for one in requests if one is not None)
            assert played.image(request_id)[0].buffer == png()
            assert played.answer(request_id, ANSWER).status_code == 200
            assert asked.result().json() == ANSWER
            with agent.stream("GetStopTask", api.Id) as stops:
                call(person, "tasks.stop", id=task_id)
                assert next(stop.id for stop in stops if stop is not None) == task_id
            agent.log(log.line("Ready to get events", "TASK_DEPLOYED"))
            assert store.tasks.get(task_id).status is TaskStatus.TERMINATING
            agent.log(*log.ended("TASK_STOPPED", stopped="by_user"))
        played.close()
    assert store.tasks.get(task_id).status is TaskStatus.STOPPED


def test_the_line_of_a_training_means_nothing(
    store: Store, artifacts: Artifacts, server: Server, agent: OriginalAgent
) -> None:
    library = fill_library(store, artifacts)
    with server.client() as person:
        (number,) = [one["id"] for one in call(person, "agents.list", teamId=1, filter=[])["entities"]]
        asked: dict[str, Any] = {"taskType": "train", "agentId": number, "pluginId": library.plugin_id, "config": {}}
        asked |= {"projects": [library.project_id], "models": [library.model_id], "name": "a"}
        log = TaskLog(call(person, "tasks.run.plugin", **asked)["taskId"])
    agent.next_task()
    agent.log(*log.begun(), log.line("Ready to get events", "TASK_DEPLOYED"))
    assert store.tasks.get(log.task_id).status is TaskStatus.STARTED


def test_the_key_of_its_task_reads_the_model_and_nothing_more(
    store: Store, artifacts: Artifacts, server: Server, agent: OriginalAgent
) -> None:
    library = fill_library(store, artifacts)
    with server.client() as person:
        (number,) = [one["id"] for one in call(person, "agents.list", teamId=1, filter=[])["entities"]]
        call(person, "tasks.run.deploy", agentId=number, modelId=library.model_id, settings={})
    message = agent.next_task()
    with httpx2.Client(base_url=server.url, headers={"x-api-key": message["user_api_key"]}) as key:
        by_name = [{"field": "name", "operator": "=", "value": message["nn_model"]["title"]}]
        assert call(key, "models.list", workspaceId=1, filter=by_name)["entities"][0]["id"] == library.model_id
        assert key.post(f"{API}/models.download", json={"id": library.model_id}).status_code == 200
        for method in ("projects.list", "projects.add", "models.upload", "models.infer", "tasks.run.deploy"):
            assert key.post(f"{API}/{method}", json={}).status_code == 401
        assert key.post("/agent/GetGeneralEventsStream").status_code == 401
    in_the_header = OriginalAgent(server.url, message["user_api_key"])
    assert in_the_header.post("GetGeneralEventsStream").status_code == 401
    in_the_header.close()
