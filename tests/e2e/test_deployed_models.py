"""Models that answer requests: staged, deployed, stopped, started again; as containers and as processes.

The web is a server that speaks the private protocol; what it asks, the test says.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent import library
from agent.artifacts import open_artifacts
from agent.domain import Task, TaskStatus
from agent.installation import Installation
from agent.models_url import bridge_address
from agent.settings import Settings
from agent.store import open_store
from agent.task_options import RequestedOptions
from tests.chaos.audit import audit, end_runs_of
from tests.support.inputs import ASKED, RESTED, SERVED, Cli, write_model
from tests.support.rpc_server import END, WAIT_S, ProtocolServer, chunk, event
from tests.support.tasks import queue_task

pytestmark = pytest.mark.timeout(180)

TRAINS_ONLY = ASKED.parent / "official"
ASK: dict[str, Any] = {"request_type": "inference", "meta": {"classes": [], "tags": []}, "annotation": None, "mode": {}}


@pytest.fixture(scope="session")
def asked_image(docker_engine, base_image, tmp_path_factory) -> None:
    Cli(tmp_path_factory.mktemp("build"), {}).run("build", ASKED, "--base", f"base-py={base_image}")


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("asked_image")
    return str(request.param)


@pytest.fixture
def server(engine: str) -> Iterator[ProtocolServer]:
    """The web, at an address that the plugin reaches."""
    host = (bridge_address() if engine == "docker" else None) or "127.0.0.1"
    with ProtocolServer(host) as started:
        yield started


@pytest.fixture
def cli(engine: str, server: ProtocolServer, tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home", {"AGENT_ENGINE": engine, "AGENT_MODELS_URL": f"http://{server.address}"})


@pytest.fixture
def installation(cli: Cli) -> Iterator[Installation]:
    settings = Settings(home=cli.home, engine="docker" if cli.env["AGENT_ENGINE"] == "docker" else "process")
    settings.home.mkdir()
    with open_store(settings.store) as store:
        yield Installation(store, open_artifacts(settings.artifacts), settings)


Deploy = Callable[..., Task]


@pytest.fixture
def deploy(installation: Installation, tmp_path: Path) -> Deploy:
    """`deploy(**settings)`: queue a model of the plugin `asked`."""

    def queue(plugin: Path = ASKED, options: RequestedOptions | None = None, **settings: Any) -> Task:
        added = library.add_plugin_folder(installation.store, plugin, "local")
        folder = tmp_path / "start" if (tmp_path / "start").exists() else write_model(tmp_path / "start")
        model = library.add_model(installation.store, installation.artifacts, folder)
        return queue_task(
            installation,
            type="deploy",
            plugin=added,
            model=model,
            config=settings,
            options=options or RequestedOptions(),
        )

    return queue


Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(cli: Cli, tmp_path: Path) -> Iterator[Start]:
    """Start an agent; whatever runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        started.append(cli.start("run"))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()
    end_runs_of(tmp_path)


def reaches(installation: Installation, reached: Callable[[Task], bool], number: int = 1) -> Task:
    store = installation.store
    while not reached(task := store.tasks.get(number)):
        assert not task.status.is_final, task
        store.wait_for_change(1)
    return task


def is_deployed(task: Task) -> bool:
    return task.status is TaskStatus.DEPLOYED


def is_over(task: Task) -> bool:
    return task.status.is_final


def answer(server: ProtocolServer) -> dict[str, Any]:
    """The next answer that comes."""
    _, found = server.answers.get(timeout=WAIT_S)
    assert isinstance(found, dict)
    return found


def nothing_is_missing(installation: Installation) -> None:
    settings = installation.settings
    assert audit(installation, [installation.open_engine(settings.engine, settings)]) == []


def everything_written(home: Path) -> bytes:
    """All bytes of the home but those of task folders, and of their kept logs."""
    files = [file for file in home.rglob("*") if file.is_file() and "runs" not in file.parts]
    return b"".join(file.read_bytes() for file in files if file.name not in ("task_config.json", "task_settings.json"))


def test_a_model_is_deployed_answers_and_is_stopped(
    installation: Installation, server: ProtocolServer, deploy: Deploy, start: Start, cli: Cli
) -> None:
    held = threading.Event()
    server.streams = [[event("a", ASK), held.wait, END]]
    server.images["a"] = [chunk(b"pixels"), END]
    task = deploy(gpu_device=0, told=True)
    start()

    reaches(installation, is_deployed)
    found = answer(server)
    folder = installation.settings.tasks / str(task.id)
    config = json.loads((folder / "task_config.json").read_text())
    key = config["connection"]["token"]
    settings = {"gpu_device": 0, "told": True}
    connection = {"server_address": f"http://{server.address}/", "token": key, "task_id": "1"}
    assert config == {**settings, "connection": connection, "model_settings": settings}
    assert (folder / "task_settings.json").read_bytes() == (folder / "task_config.json").read_bytes()
    assert [*(folder / "data").iterdir(), *(folder / "results").iterdir()] == []
    assert (found["description"], found["settings"], found["model"]) == (
        "6 bytes",
        settings,
        ["config.json", "model.pt"],
    )
    assert {(call.headers["x-token"], call.headers["x-task-id"]) for call in server.calls} == {(key, "1")}
    token = installation.store.tokens.find(key)
    assert token is not None
    assert (token.task_id, token.task_type) == (task.id, "deploy")

    cli.run("task", "stop", task.id)
    ended = reaches(installation, is_over)
    assert (ended.status, ended.reason, ended.project_id) == (TaskStatus.STOPPED, "stopped_by_user", None)
    assert installation.store.tokens.find(key) is None
    nothing_is_missing(installation)
    told = [one.raw for one in installation.store.events.each(task.id) if "Input config" in one.raw]
    assert [json.loads(line)["config"]["connection"]["token"] for line in told] == ["<the key of this task>"]
    with sqlite3.connect(cli.home / "store.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert key.encode() not in everything_written(cli.home)
    assert key not in json.dumps(cli.json("task", "show", task.id)) + cli.run("task", "logs", task.id).stdout


def test_an_agent_that_is_killed_leaves_a_model_that_answers_and_the_next_goes_on(
    installation: Installation, server: ProtocolServer, deploy: Deploy, start: Start
) -> None:
    go, held = threading.Event(), threading.Event()
    server.streams = [[event("a", ASK), go.wait, event("b", ASK), held.wait, END]]
    server.images = {name: [chunk(b"pixels"), END] for name in "ab"}
    deploy(told=True)
    first = start()
    answer(server)
    before = reaches(installation, is_deployed)
    first.kill()
    first.communicate()
    start()
    reaches(installation, lambda task: task.agent_id != before.agent_id and task.status is TaskStatus.DEPLOYED)
    go.set()
    assert answer(server)["success"] is True
    reaches(installation, lambda task: task.lines_read == 4)

    installation.store.tasks.request_stop(1)
    ended = reaches(installation, is_over)
    assert (ended.reason, ended.container_id) == ("stopped_by_user", before.container_id)
    assert server.methods().count("GetGeneralEventsStream") == 1
    assert len(list(installation.store.events.each(1, event_type="TASK_DEPLOYED"))) == 1
    nothing_is_missing(installation)


def test_a_model_that_fails_is_started_again_as_often_as_its_option_says(
    installation: Installation, server: ProtocolServer, deploy: Deploy, start: Start
) -> None:
    held = threading.Event()  # never set
    server.streams = [[event("a", ASK), held.wait, END], [event("a", ASK), held.wait, END]]
    deploy(fails_at=1, options=RequestedOptions(restarts=1))
    start()

    ended = reaches(installation, is_over)
    assert (ended.status, ended.reason, ended.attempt) == (TaskStatus.ERROR, "plugin_exit", 2)
    assert "the model broke" in str(ended.message)
    first, second = installation.store.attempts.list(1)
    assert (first.reason, second.reason) == ("plugin_exit", "plugin_exit")
    (note,) = installation.store.events.each(1, event_type="TASK_RESTARTS")
    assert note.message.startswith("attempt 2 of 2: the plugin ended with exit code 1: the model broke")
    assert note.message.endswith("its model is loaded again")
    keys = {call.headers["x-token"] for call in server.calls}
    assert len(keys) == 2
    nothing_is_missing(installation)


def test_a_model_that_cannot_be_loaded_ends_with_its_own_words(
    installation: Installation, deploy: Deploy, start: Start
) -> None:
    deploy(broken=True)
    start()
    ended = reaches(installation, is_over)
    assert (ended.status, ended.reason) == (TaskStatus.ERROR, "plugin_exit")
    assert "the weights do not fit" in str(ended.message)


def test_a_model_that_nobody_asks_is_stopped_and_one_that_ends_by_itself_has_finished(
    installation: Installation, server: ProtocolServer, deploy: Deploy, start: Start
) -> None:
    server.streams = [[threading.Event().wait, END]]
    deploy(options=RequestedOptions(idle_limit_s=2, restarts=3))
    start()
    ended = reaches(installation, is_over)
    assert (ended.status, ended.reason, ended.attempt) == (TaskStatus.STOPPED, "idle", 1)
    assert ended.message == "nobody asked the model for its idle limit of 2 s"

    deploy(ends=True)  # the server closes the stream at once
    ended = reaches(installation, is_over, 2)
    assert (ended.status, ended.reason) == (TaskStatus.FINISHED, "finished")
    nothing_is_missing(installation)


@pytest.mark.parametrize("engine", ["process"], indirect=True)
@pytest.mark.parametrize("plugin", [SERVED, RESTED], ids=["inference", "rest_inference"])
def test_a_plugin_without_deploy_py_is_served_by_the_agents_program(
    installation: Installation, server: ProtocolServer, deploy: Deploy, start: Start, plugin: Path
) -> None:
    held = threading.Event()
    server.streams = [[event("a", {**ASK, "mode": {"name": "full_image"}}), held.wait, END]]
    pixels = BytesIO()
    Image.new("RGB", (8, 6)).save(pixels, "png")
    server.images["a"] = [chunk(pixels.getvalue()), END]
    deploy(plugin=plugin)
    start()
    reaches(installation, is_deployed)
    assert [label["classTitle"] for label in answer(server)["objects"]] == ["thing_model"]
    spec = installation.store.tasks.get(1).container_spec
    assert spec is not None
    entry = "inference" if plugin == SERVED else "rest_inference"
    assert spec["entrypoint"][2] == f"python -u /sly_task_data/serve.py /workdir/src/{entry}.py"
    installation.store.tasks.request_stop(1)
    assert reaches(installation, is_over).reason == "stopped_by_user"
    nothing_is_missing(installation)


def test_the_command_returns_when_the_model_answers(
    installation: Installation, server: ProtocolServer, cli: Cli, tmp_path: Path
) -> None:
    held = threading.Event()
    server.streams = [[held.wait, END]]
    inputs = ("--plugin", ASKED, "--model", write_model(tmp_path / "start"), "--set", "gpu_device=0")

    planned = cli.run("deploy", *inputs, "--dry-run").stdout
    assert f'"server_address":"http://{server.address}/","token":"<the key of this task>"' in planned
    assert "src/deploy.py" in planned
    assert "/img/" not in planned
    assert '"read_only": true' not in planned  # there is no data/ to protect

    said = cli.run("deploy", *inputs).stderr
    assert "task 1: start deployed" in said
    assert "task 1 is deployed: model 1 answers until `agent task stop 1`" in said
    assert "agent infer --model 1 IMAGE" in said
    shown = cli.json("task", "show", 1)
    assert (shown["type"], shown["status"], shown["project_id"]) == ("deploy", "deployed", None)
    cli.run("task", "stop", 1)
    assert cli.json("task", "wait", 1, code=4)["reason"] == "stopped_by_user"
    nothing_is_missing(installation)


@pytest.mark.parametrize("engine", ["process"], indirect=True)
def test_without_a_web_and_without_the_mode_nothing_is_queued(cli: Cli, tmp_path: Path) -> None:
    model = write_model(tmp_path / "start")
    alone = Cli(cli.home, {**cli.env, "AGENT_MODELS_URL": "http://127.0.0.1:9"})
    refused = alone.run("deploy", "--plugin", ASKED, "--model", model, code=2).stderr
    assert "no web answers at http://127.0.0.1:9" in refused
    refused = cli.run("deploy", "--plugin", TRAINS_ONLY, "--model", model, code=2).stderr
    assert "no mode 'deploy' or 'inference'" in refused
    assert cli.json("task", "list") == []
