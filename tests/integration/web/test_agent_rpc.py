"""The protocol of original agents, played by a small agent over real connections."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from agent.domain import CheckpointState, Step, Task, TaskStatus
from agent.events.model import Stream
from agent.notify import Message
from agent.store import Store
from tests.integration.web.conftest import NAME
from tests.support.demo_store import Library, state_tar
from tests.support.original_agent import OriginalAgent, TaskLog
from tests.support.web_server import TOKEN, Server
from web_stub.agent_rpc import worker_api_pb2 as api

API = "/public/api/v3"


def call(client: httpx2.Client, method: str, **body: Any) -> Any:
    answer = client.post(f"{API}/{method}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def queue(person: httpx2.Client, library: Library, kind: str = "train", *, for_agent: bool = True) -> int:
    """Queue a task as the official client does; for the original agent, or for any."""
    listed = call(person, "agents.list", teamId=1, filter=[])["entities"]
    (number,) = [agent["id"] for agent in listed if agent["name"] == NAME] if for_agent else [None]
    plugin = call(person, "plugins.list", teamId=1, filter=[])["entities"][0]["id"]
    asked = {"taskType": kind, "agentId": number, "pluginId": plugin, "version": None, "config": {"b": 1, "a": 0.5}}
    asked |= {"projects": [library.project_id], "models": [library.model_id], "name": f"result of {kind}"}
    return int(call(person, "tasks.run.plugin", **asked)["taskId"])


def with_key(server: Server, message: dict[str, Any]) -> httpx2.Client:
    return httpx2.Client(base_url=server.url, headers={"x-api-key": message["user_api_key"]}, timeout=20)


def plugin_lines(store: Store, task: Task) -> list[str]:
    return [event.raw for event in store.events.each(task.id) if event.stream is not Stream.AGENT]


def test_an_agent_is_listed_when_it_has_connected(person: httpx2.Client, agent: OriginalAgent) -> None:
    (listed,) = call(person, "agents.list", teamId=1, filter=[])["entities"]
    assert (listed["name"], listed["status"]) == (NAME, "running")
    assert agent.post("AgentPing").status_code == 200


def test_a_training_from_the_queue_to_its_end(
    server: Server, person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    task_id = queue(person, library)
    message = agent.next_task()
    project, model = store.projects.get(library.project_id), store.models.get(library.model_id)
    assert message["task_id"] == task_id
    assert (message["task_type"], message["config"]) == ("train", {"b": 1, "a": 0.5})
    assert list(message["config"]) == ["b", "a"], "the plugin's file keeps the order"
    assert message["docker_image"] == "local/unet-small:1.2.0"
    assert [one["title"] for one in message["projects"]] == [project.name]
    assert [one["title"] for one in message["models"]] == [model.name]
    assert store.tasks.get(task_id).status is TaskStatus.CONSUMED

    log = TaskLog(task_id)
    with with_key(server, message) as key:
        assert call(key, "GetTaskContext", id=task_id)["workspace"]["id"] == 1
        agent.log(*log.begun(), log.text("loading"), log.metrics(0.5, loss=2.0))
        running = store.tasks.get(task_id)
        assert (running.status, running.step, running.container_id) == (TaskStatus.STARTED, Step.DOWNLOAD, "c0ffee")
        words = [call(key, "models.hash.create", taskId=task_id) for _ in range(2)]
        for index, word in enumerate(words):
            fields: dict[str, Any] = {
                "id": index,
                "subdir": f"{index:08d}",
                "sizeb": 8,
                "best_now": index == 0,
                "optional": {"e": 1},
            }
            agent.log(log.line("checkpoint", "CHECKPOINT", **fields, model_id=word["id"], model_hash=word["hash"]))
        agent.log(log.metrics(1.0, loss=1.0), *log.main_over(), log.line("BEFORE_STEP", step="UPLOAD"))
        tar = io.BytesIO(state_tar(["apple"], 1))
        files = {"weights": ("model.tar", tar, "application/x-tar")}
        assert key.post(f"{API}/models.upload", data={"hash": words[1]["hash"]}, files=files).status_code == 200
        agent.log(log.step("UPLOAD"), *log.ended())
        assert key.post(f"{API}/GetTaskContext", json={"id": task_id}).status_code == 401, "the key ends with the task"

    task = store.tasks.get(task_id)
    assert (task.status, task.reason, task.step, task.engine) == (
        TaskStatus.FINISHED,
        "finished",
        Step.UPLOAD,
        "docker",
    )
    assert task.lines_read == 5
    first, second = store.checkpoints.list(task_id)
    assert (first.state, first.reason, first.is_best) == (CheckpointState.FAILED, "not_uploaded", True)
    assert second.state is CheckpointState.PUBLISHED
    assert second.model_id is not None
    result = store.models.get(second.model_id)
    assert (result.name, result.provenance.task_id, result.provenance.checkpoint_index) == (
        "result of train",
        task_id,
        1,
    )
    (series,) = store.metrics.series(task_id)
    assert (series.name, series.count, series.last_value) == ("loss", 2, 1.0)


def test_an_inference_gives_its_project(
    server: Server, person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    task_id = queue(person, library, "inference")
    message = agent.next_task()
    assert message["new_title"] == "result of inference"
    log = TaskLog(task_id)
    agent.log(*log.begun())
    with with_key(server, message) as key:
        made = call(key, "projects.add", workspaceId=1, name=message["new_title"], description="")
    agent.log(
        log.step("MAIN"),
        log.line("PROJECT_CREATED", "PROJECT_CREATED", project_id=made["id"]),
        log.step("UPLOAD"),
        log.line("model applied", "MODEL_APPLIED"),
        log.text("bye"),
        *log.main_over()[:1],
        *log.ended(),
    )

    task = store.tasks.get(task_id)
    assert (task.status, task.result_project_id, task.lines_read) == (TaskStatus.FINISHED, made["id"], 2)


def test_a_project_that_was_there_before_is_no_result(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    log = TaskLog(queue(person, library, "inference"))
    agent.next_task()
    agent.log(*log.begun(), log.line("PROJECT_CREATED", "PROJECT_CREATED", project_id=library.project_id), *log.ended())

    assert store.tasks.get(log.task_id).result_project_id is None


def test_a_stop_reaches_the_agent_and_ends_the_task(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    log = TaskLog(queue(person, library))
    agent.next_task()
    agent.log(*log.begun())
    with agent.stream("GetStopTask", api.Id) as stops:
        assert next(stops) is None
        call(person, "tasks.stop", id=log.task_id)
        assert next(stop.id for stop in stops if stop is not None) == log.task_id
    agent.log(*log.ended("TASK_STOPPED", stopped="by_user"), log.text("printed before the kill"))

    task = store.tasks.get(log.task_id)
    assert (task.status, task.reason) == (TaskStatus.STOPPED, "stopped_by_user")
    assert plugin_lines(store, task) == ["printed before the kill"], "what comes behind the end is kept, too"


def test_a_stop_of_a_task_that_the_agent_does_not_know(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    log = TaskLog(queue(person, library))
    agent.next_task()
    call(person, "tasks.stop", id=log.task_id)
    agent.log(log.line("TASK_MISSED", "TASK_STOPPED"))

    assert store.tasks.get(log.task_id).status is TaskStatus.STOPPED


def test_lines_that_come_again_count_once(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent, start_server: Callable[..., Server]
) -> None:
    log = TaskLog(queue(person, library))
    agent.next_task()
    batch = [*log.begun(), log.metrics(1, loss=2.0), log.text("x")]
    agent.log(*batch)
    agent.log(*batch)
    task = store.tasks.get(log.task_id)
    assert len(plugin_lines(store, task)) == 2
    assert (task.lines_read, task.events_count) == (2, len(batch))

    again = OriginalAgent(start_server().url, agent.http.headers["x-token"])  # another web of this installation
    again.log(*batch)
    assert len(plugin_lines(store, task)) == 2
    more = log.metrics(2, loss=1.0)
    again.log(more)
    again.log(more)
    assert len(plugin_lines(store, task)) == 3, "it knows that the container runs"
    again.close()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"exc_str": "Task container finished with non-zero status: {'StatusCode': 3}"}, "plugin_exit"),
        (None, "container_lost"),
    ],
)
def test_an_end_that_is_none_is_told(
    person: httpx2.Client,
    store: Store,
    library: Library,
    agent: OriginalAgent,
    line: dict[str, str] | None,
    reason: str,
) -> None:
    log = TaskLog(queue(person, library))
    agent.next_task()
    agent.log(*log.begun())
    if line is not None:
        agent.log(log.line("TASK_END", "TASK_CRASHED", "fatal", **line))
        assert store.tasks.get(log.task_id).status is TaskStatus.STARTED, "it ends with the agent's last line"
    agent.log(log.line("TASK_REMOVED", "TASK_REMOVED", exit_code=1))

    task = store.tasks.get(log.task_id)
    assert (task.status, task.reason) == (TaskStatus.ERROR, reason)


def test_people_are_told_once_of_the_end_of_its_task(
    monkeypatch: pytest.MonkeyPatch, start_server: Callable[..., Server], store: Store, library: Library
) -> None:
    told: list[Message] = []

    def send(_to: str, message: Message) -> list[tuple[str, str]]:
        told.append(message)
        return []

    monkeypatch.setattr("agent.notify.send", send)
    server = start_server(notify="json://hook")
    agent = OriginalAgent(server.url, store.tokens.create(NAME, is_agent=True)[1])
    agent.connect()
    with server.client() as person:
        log = TaskLog(queue(person, library))
    agent.next_task()
    agent.log(*log.begun())
    for _ in range(2):  # the agent repeats what it lost the answer of
        agent.log(log.line("TASK_REMOVED", "TASK_REMOVED", exit_code=1))
    agent.close()
    server.stop()

    assert [message.title for message in told] == [f"Task {log.task_id} failed: result of train"]
    assert "ended without a word" in told[0].body


def test_an_agent_that_starts_anew_has_lost_what_ran(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    ran, waited = TaskLog(queue(person, library)), queue(person, library)
    with agent.stream("GetNewTask", api.Task) as tasks:
        assert len([task for _, task in zip(range(3), tasks, strict=False) if task is not None]) == 2
    agent.log(*ran.begun())
    agent.connect()

    assert store.tasks.get(ran.task_id).reason == "container_lost"
    assert agent.next_task()["task_id"] == waited, "its message may have been lost, so it comes again"


def test_what_nobody_asked_of_it_the_agent_does_not_get(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    anybody = queue(person, library, for_agent=False)
    with agent.stream("GetNewTask", api.Task) as tasks:
        assert next(tasks) is None
        mine = queue(person, library)
        assert next(task for task in tasks if task is not None).data.startswith(f'{{"task_id": {mine},')
    assert store.tasks.get(anybody).status is TaskStatus.QUEUED
    assert store.tasks.claim("laptop:1:ab") is not None, "and our own agents do not get the agent's"
    assert store.tasks.claim("laptop:1:ab") is None


def test_lines_about_the_tasks_of_others_are_not_kept(
    person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    other = queue(person, library, for_agent=False)
    assert store.tasks.claim("laptop:1:ab") is not None
    log, nowhere = TaskLog(other), TaskLog(10**6)
    agent.log(*log.begun(), *log.ended(), *nowhere.begun(), "no JSON", '{"service_type": "ServiceType.AGENT"}')

    assert store.tasks.get(other).status is TaskStatus.CONSUMED
    assert list(store.events.each(other)) == []


def test_each_token_opens_its_own_part(
    server: Server, person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    task_id = queue(person, library)
    key = agent.next_task()["user_api_key"]
    token = agent.http.headers["x-token"]
    with httpx2.Client(base_url=server.url, timeout=20) as client:

        def status(path: str, **headers: str) -> int:
            return client.post(path, headers=headers, json={"id": task_id}).status_code

        assert status("/agent/AgentPing") == 401
        for no_agent in (TOKEN, key, "x", "x" * 5000):
            assert status("/agent/AgentPing", **{"x-token": no_agent}) == 401
        assert status(f"{API}/tasks.info", **{"x-api-key": TOKEN}) == 200
        for closed in (f"{API}/tasks.info", f"{API}/GetTaskContext", "/api/tasks", "/metrics"):
            assert status(closed, **{"x-api-key": token}) == 401, closed
        for closed in (f"{API}/tasks.info", f"{API}/tasks.stop", f"{API}/models.remove", "/api/tasks", "/api/models"):
            assert status(closed, **{"x-api-key": key}) == 401, closed
        assert status(f"{API}/GetTaskContext", **{"x-api-key": key}) == 200
        store.tokens.revoke(next(one.id for one in store.tokens.list() if one.is_agent))
        assert agent.post("AgentPing").status_code == 401


def test_bad_messages_are_said_and_nothing_is_kept(agent: OriginalAgent, store: Store) -> None:
    for method in ("Log", "AgentConnected", "UpdateTelemetry"):
        answer = agent.post(method, b"\xff\xff\xff")
        assert answer.status_code == 400, method
        assert "message of the agent's protocol" in answer.json()["error"]
    for info in (
        "",
        "[]",
        "{",
        '{"agent_version": "\\ud800\\u0000"}',
        '{"agent_version": ' + "[" * 9000,
        '{"agent_version": {"a": 1}}',
    ):
        agent.call("AgentConnected", api.AgentInfo(info=info))
    flood = api.LogLines(data=[""] * 10_001)
    assert "at most 10,000 lines" in agent.post("Log", flood.SerializeToString()).json()["error"]
    assert agent.post("GetImportStructure").status_code == 501
    assert agent.post("Dance").status_code == 404
    assert agent.http.get("/agent/AgentPing").status_code == 405
    assert agent.call("UpdateTelemetry", api.AgentInfo(info="{}")) == b""


def test_a_server_that_ends_breaks_streams_off(server: Server, agent: OriginalAgent) -> None:
    """The agent bears ten good ends of a stream in its life."""
    with agent.stream("GetNewTask", api.Task) as tasks:
        assert next(tasks) is None
        server.stop()
        with pytest.raises(httpx2.TransportError):
            list(tasks)


def test_the_streams_of_a_revoked_token_are_broken_off(
    store: Store, agent: OriginalAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web_stub.agent_rpc.routes.KEEP_ALIVE_S", 0.05)
    with agent.stream("GetStopTask", api.Id) as stops:
        assert next(stops) is None
        store.tokens.revoke(next(one.id for one in store.tokens.list() if one.is_agent))
        with pytest.raises(httpx2.TransportError):
            list(stops)


def test_a_message_that_is_sent_again_leaves_the_first_key_good(
    server: Server, person: httpx2.Client, store: Store, library: Library, agent: OriginalAgent
) -> None:
    """The agent may work with the first one already, and leaves the second message out."""
    log = TaskLog(queue(person, library))
    first, again = agent.next_task(), agent.next_task()
    assert first["user_api_key"] != again["user_api_key"]
    for message in (first, again):
        with with_key(server, message) as key:
            assert call(key, "GetTaskContext", id=log.task_id)
    agent.log(*log.begun(), *log.ended())
    for message in (first, again):
        with with_key(server, message) as key:
            assert key.post(f"{API}/GetTaskContext", json={"id": log.task_id}).status_code == 401


def test_a_silent_stream_gives_a_sign_of_life(agent: OriginalAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web_stub.agent_rpc.routes.KEEP_ALIVE_S", 0.05)
    for method, kind in (("GetNewTask", api.Task), ("GetStopTask", api.Id), ("GetTelemetryTask", api.Task)):
        with agent.stream(method, kind) as messages:
            assert [next(messages), next(messages), next(messages)] == [None, None, None]
