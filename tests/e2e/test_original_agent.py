"""The original agent of release 2019-11, unmodified, runs tasks of this web, and agrees with our own agent.

Its code is not part of this project. ORIGINAL_AGENT names a folder with its `agent/` and `supervisely_lib/`, and
ORIGINAL_AGENT_PYTHON an interpreter with the packages of docs/reference/original-agents.md.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import Artifacts, open_artifacts
from agent.domain import CheckpointState, Task, TaskStatus
from agent.events.model import Stream
from agent.models_url import bridge_address
from agent.settings import Settings
from agent.store import Store, open_store
from tests.support.inputs import ASKED, COUNTED, Cli, write_model, write_project
from tests.support.played_model import png
from tests.support.web_server import TOKEN, Server

CODE = Path(os.environ.get("ORIGINAL_AGENT", ""))
PYTHON = os.environ.get("ORIGINAL_AGENT_PYTHON", "")
ROOT_FOLDER = Path("/sly_agent")  # fixed in the original code
pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not PYTHON, reason="ORIGINAL_AGENT names no code of the original agent"),
    pytest.mark.skipif(ROOT_FOLDER.exists(), reason=f"{ROOT_FOLDER} exists, which the original agent would use"),
]
NAME = "original"
API = "/public/api/v3"
CONFIG = {"lines": 60, "checkpoint_every": 20}

# Of 2019's curl, which took `http:/containers` for the address of the engine; the agent asks it for its own container.
CURL = """#!/bin/sh
echo '{"Config": {"Image": "supervisely/agent:5.16.0", "Labels": {"VERSION": "agent:5.16.0"}}}'
"""
# The agent asks for NVIDIA's runtime in every case.
WITHOUT_NVIDIA = """
import docker.models.containers as containers
_run = containers.ContainerCollection.run
containers.ContainerCollection.run = lambda self, *a, **k: _run(self, *a, **{**k, "runtime": None})
"""


@dataclass
class House:
    store: Store
    artifacts: Artifacts
    server: Server
    cli: Cli
    inputs: tuple[object, ...]

    def call(self, method: str, **body: Any) -> Any:
        with self.server.client() as client:
            answer = client.post(f"{API}/{method}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def by_original(self, like: Task, **config: Any) -> int:
        """Queue the same task for the original agent."""
        (agent,) = [one for one in self.call("agents.list", teamId=1, filter=[])["entities"] if one["name"] == NAME]
        plugin = self.call("plugins.list", teamId=1, filter=[])["entities"][0]["id"]
        asked = {"taskType": like.type.value, "agentId": agent["id"], "pluginId": plugin, "version": None}
        asked |= {"config": {**like.config, **config}, "projects": [like.project_id], "models": [like.model_id]}
        return int(self.call("tasks.run.plugin", **asked, name=f"by {NAME}")["taskId"])

    def ended(self, task_id: int) -> Task:
        while not (task := self.store.tasks.get(task_id)).status.is_final:
            self.store.wait_for_change(1)
        return task

    def lines(self, task: Task) -> list[str]:
        """What the plugin printed. The original agent mixes the streams as its engine gives them."""
        own = (event for event in self.store.events.each(task.id) if event.stream is not Stream.AGENT)
        return sorted(json.dumps([event.message, event.event_type, event.fields]) for event in own)

    def points(self, task: Task) -> dict[str, list[tuple[float, float]]]:
        found = {}
        for series in self.store.metrics.series(task.id):
            arrays = self.store.metrics.points_arrays(series.id)
            found[series.name] = [(float(x), float(y)) for x, y in zip(arrays.epoch, arrays.value, strict=True)]
        return found


@pytest.fixture
def reachable() -> str:
    """The address of this machine that containers reach: the original agent gives them the one that it has itself."""
    address = bridge_address()
    if address is None:
        pytest.skip("there is no interface docker0")
    return address


@pytest.fixture
def house(request: pytest.FixtureRequest, base_image: str, tmp_path: Path) -> Iterator[House]:
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "docker", "AGENT_TOKEN": TOKEN})
    cli.run("build", COUNTED, "--base", f"base-py={base_image}")
    inputs = (
        "--plugin",
        COUNTED,
        "--project",
        write_project(tmp_path / "fruit"),
        "--model",
        write_model(tmp_path / "m"),
    )
    host = request.getfixturevalue("reachable") if "reachable" in request.fixturenames else "127.0.0.1"
    settings = Settings(home=cli.home, token=TOKEN, web_host=host, web_port=0)
    cli.home.mkdir(exist_ok=True)
    with open_store(settings.store) as store:
        artifacts = open_artifacts(settings.artifacts)
        server = Server(store, artifacts, settings)
        yield House(store, artifacts, server, cli, inputs)
        server.stop()


@pytest.fixture
def original(house: House, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    _, secret = house.store.tokens.create(NAME, is_agent=True)
    around = tmp_path / "around"
    around.mkdir()
    (around / "curl").write_text(CURL)
    (around / "curl").chmod(0o755)
    (around / "sitecustomize.py").write_text(WITHOUT_NVIDIA)
    ROOT_FOLDER.mkdir()
    path = (around, CODE, CODE / "agent" / "src", CODE / "supervisely_lib" / "worker_proto")
    env = {
        **os.environ,
        "PATH": f"{around}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(map(str, path)),
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
        "AGENT_HOST_DIR": str(ROOT_FOLDER),
        "SERVER_ADDRESS": house.server.url,
        "ACCESS_TOKEN": secret,
        "DOCKER_LOGIN": "",
        "DOCKER_PASSWORD": "",
        "DOCKER_REGISTRY": "",
        "PULL_ALWAYS": "false",
    }
    with (tmp_path / "original.log").open("wb") as log:
        command = [PYTHON, "-u", str(CODE / "agent" / "src" / "main.py")]
        agent = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    while not any(row.name == NAME for row in house.store.agents.list()):
        assert agent.poll() is None, (tmp_path / "original.log").read_text()[-3000:]
        house.store.wait_for_change(1)
    yield agent
    os.killpg(agent.pid, signal.SIGKILL)
    agent.wait(20)
    shutil.rmtree(ROOT_FOLDER)


def test_both_agents_train_alike(house: House, original: subprocess.Popen[bytes]) -> None:
    settings = [word for key, value in CONFIG.items() for word in ("--set", f"{key}={value}")]
    house.cli.run("submit-train", *house.inputs, *settings)
    ours = house.store.tasks.get(1)
    theirs = house.ended(house.by_original(ours))

    assert (theirs.status, theirs.reason, theirs.step) == (ours.status, ours.reason, ours.step)
    assert house.lines(theirs) != []
    assert _without_the_agents_words(house.lines(theirs)) == house.lines(ours)
    assert theirs.lines_read == ours.lines_read
    assert house.points(theirs) == house.points(ours) != {}
    mine, its = house.store.checkpoints.list(ours.id), house.store.checkpoints.list(theirs.id)
    assert [(one.index, one.subdir, one.is_best) for one in its] == [
        (one.index, one.subdir, one.is_best) for one in mine
    ]
    assert [one.state for one in its[:-1]] == [CheckpointState.FAILED] * 2, "the original uploads the last one only"
    assert _state(house, its[-1].model_id) == _state(house, mine[-1].model_id)


def test_both_agents_infer_alike(house: House, original: subprocess.Popen[bytes]) -> None:
    house.cli.run("submit-inference", *house.inputs, "--set", "lines=20", "--set", "checkpoint_every=20")
    ours = house.store.tasks.get(1)
    theirs = house.ended(house.by_original(ours))

    assert (theirs.status, theirs.reason) == (ours.status, ours.reason)
    assert _without_the_agents_words(house.lines(theirs)) == house.lines(ours)
    assert ours.result_project_id is not None
    assert theirs.result_project_id is not None
    assert _contents(house, theirs.result_project_id) == _contents(house, ours.result_project_id)


def test_the_original_deploys_a_model_that_answers(
    reachable: str, house: House, original: subprocess.Popen[bytes], base_image: str
) -> None:
    house.cli.run("build", ASKED, "--base", f"base-py={base_image}")
    house.cli.run("plugin", "add", ASKED)
    house.cli.run("model", "add", house.inputs[-1], "--plugin", "Asked")
    model = house.store.models.list()[0]
    (agent,) = [one for one in house.call("agents.list", teamId=1, filter=[])["entities"] if one["name"] == NAME]
    asked = {"agentId": agent["id"], "modelId": model.id, "restartPolicy": "never", "settings": {"gpu_device": 0}}
    task_id = house.call("tasks.run.deploy", **asked, pluginId=None, version=None)["taskId"]
    while (task := house.store.tasks.get(task_id)).status is not TaskStatus.DEPLOYED:
        assert not task.status.is_final, task.message
        house.store.wait_for_change(1)

    assert house.call("models.info.deployed", id=model.id) == [{"id": task_id}]
    question: dict[str, Any] = {
        "request_type": "inference",
        "meta": {"classes": [], "tags": []},
        "annotation": None,
        "mode": {},
    }
    with house.server.client() as client:
        form = {"id": str(model.id), "data": json.dumps(question)}
        answer = client.post(f"{API}/models.infer", data=form, files={"image": ("img", png())})
    assert (answer.status_code, answer.json()["success"]) == (200, True), answer.text
    house.call("tasks.stop", id=task_id)
    assert house.ended(task_id).reason == "stopped_by_user"
    assert house.call("models.info.deployed", id=model.id) == []


def test_a_stop_ends_the_task_of_the_original(house: House, original: subprocess.Popen[bytes]) -> None:
    house.cli.run("submit-train", *house.inputs, "--set", "lines=1", "--set", "checkpoint_every=1")
    task_id = house.by_original(house.store.tasks.get(1), lines=100_000, pause=0.05)
    while house.store.tasks.get(task_id).lines_read < 10:
        house.store.wait_for_change(1)
    house.call("tasks.stop", id=task_id)

    task = house.ended(task_id)
    assert (task.status.value, task.reason) == ("stopped", "stopped_by_user")
    assert task.container_id is not None
    subprocess.run(["docker", "wait", task.container_id], capture_output=True, check=False)  # the agent kills it last


def _without_the_agents_words(lines: list[str]) -> list[str]:
    """The agent adds to a checkpoint's line under which word it was registered, and what its config says."""
    found = []
    for line in lines:
        message, kind, fields = json.loads(line)
        if kind == "CHECKPOINT":
            fields = {key: value for key, value in (fields or {}).items() if not key.startswith("model_")} or None
        found.append(json.dumps([message, kind, fields]))
    return sorted(found)


def _state(house: House, model_id: int | None) -> dict[str, bytes]:
    assert model_id is not None
    with house.artifacts.open(house.store.models.get(model_id).sha256) as file, tarfile.open(fileobj=file) as tar:
        return {
            member.name.removeprefix("./"): opened.read()
            for member in tar
            if member.isfile() and (opened := tar.extractfile(member)) is not None
        }


def _contents(house: House, project_id: int) -> list[tuple[str, str, str, Any]]:
    """The original agent reads annotations from the public API, which adds the shapes' names, and reorders images."""
    store = house.store
    return sorted(
        (dataset.name, image.name, image.sha256, _plain(json.loads(image.annotation)))
        for dataset in store.datasets.list(project_id)
        for image in store.images.of_dataset(dataset.id)
    )


def _plain(annotation: dict[str, Any]) -> str:
    added = {"description": "", "geometryType": "rectangle", "shape": "rectangle"}
    objects = [{**added, **labelled} for labelled in annotation["objects"]]
    return json.dumps({**annotation, "objects": objects}, sort_keys=True)
