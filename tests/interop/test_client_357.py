"""The last official client with the neural-network API, pointed here by address and token alone."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import base_image, docker_engine, odd_image
from tests.interop.clients import run_client
from tests.interop.environments import VERSION
from tests.interop.projects_seen import CHECKS, Seen, check_round_trip, projects_seen
from tests.support.inputs import ODD, Cli, write_model
from tests.support.web_server import TOKEN

__all__ = ["base_image", "docker_engine", "odd_image"]  # fixtures: the engine and an image for it

pytestmark = pytest.mark.official


@pytest.fixture(scope="module")
def seen(official_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return projects_seen(official_python, tmp_path_factory.mktemp("last-with-nn"))


def test_a_project_comes_back_equal_every_way(seen: Seen) -> None:
    check_round_trip(seen, VERSION, {"download_project", "download", "download_async", "download_fast"})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_projects(seen: Seen, check: Callable[[Seen], None]) -> None:
    check(seen)


# ---------------------------------------------------------------- tasks and models


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("odd_image")
    return str(request.param)


@pytest.fixture(scope="module")
def address(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`agent up` with the odd plugin and two models to start from."""
    place = tmp_path_factory.mktemp(engine)
    cli = Cli(place / "home", {"AGENT_ENGINE": engine, "AGENT_TOKEN": TOKEN})
    cli.run("plugin", "add", ODD)
    model = write_model(place / "start")
    cli.run("model", "add", model, "--name", "start")
    cli.run("model", "add", model, "--name", "start only", "--only-train")
    up = cli.start("up", "--port", "0")
    assert up.stderr is not None
    said = ""
    for line in up.stderr:
        said += line
        if (found := re.search(r"open (http://[^/]+)/", line)) is not None:
            break
    else:
        pytest.fail(f"`agent up` ended: {said}")
    yield found[1]
    os.kill(up.pid, signal.SIGTERM)
    up.communicate(timeout=60)


@pytest.fixture(scope="module")
def run(official_python: Path, address: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_client(official_python, "client_nn.py", address, TOKEN, tmp_path_factory.mktemp("client"))


def test_agent_and_plugin_are_found(run: Any) -> None:
    assert run["agent"] == ["running", True]
    assert run["plugin"] == ["Odd", ["0.1.0"], "0.1.0", "local/nn-odd", "architecture"]


def test_a_training_ends_with_a_model_of_the_name_asked_for(run: Any) -> None:
    trained = run["trained"]
    assert (trained["name"], trained["only_train"], trained["plugin_id"]) == ("trained", False, run["plugin id"])
    assert (trained["task_id"], trained["size"]) == (run["task"], str(run["tar"]))
    assert trained["config"]["settings"] == {"epochs": 3, "points": 20}
    assert (run["files"], run["weights"]) == (["config.json", "model.pt"], "start+2")
    assert len(run["of the task"]) == 5  # three checkpoints, one copied, one uploaded
    assert run["checkpoints"] == [True, True, True]
    assert run["first state"] == "first state"


def test_training_metrics_come_in_order(run: Any) -> None:
    count, first, last = run["metrics"]
    assert count == 3 * 20 + 3
    assert first == {"type": "train", "epoch": 0.05, "metrics": {"loss": 1.0}}
    assert (last["type"], last["epoch"], last["metrics"]["accuracy"]) == ("val", 3, None)
    assert run["no metrics"] is None


def test_a_model_is_seen_when_its_bytes_are_there(run: Any) -> None:
    assert run["before the upload"] is None
    assert run["uploaded"] == ["trained_001", True, run["plugin id"], False]
    assert run["same bytes"] is True
    assert run["removed"] is None
    assert run["in use"].startswith("400 ")


def test_an_inference_makes_the_project_asked_for(run: Any) -> None:
    leaves = [["leaf", [2, 1], [5 + index, 4]] for index in range(3)]
    assert run["predictions"] == leaves + [["seen", [0, 0], [1, 1]]] * 3


def test_stops_failures_and_refusals_are_told(run: Any) -> None:
    assert run["stop"] == ["started", True, "stopped"]
    assert run["failure"] == "Task finished with status error"
    only_train, said = run["only train"]
    assert only_train is True
    assert re.match("400 .*transfer learning", said)
    assert sorted(run["tasks"].values()) == ["error", "finished", "finished", "stopped"]
    assert run["context"] == [True]
