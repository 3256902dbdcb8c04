"""The last official client with the neural-network API deploys a model and asks it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.interop.clients import run_client
from tests.support.inputs import PIXELS, Cli, write_model, write_project
from tests.support.web_server import TOKEN

pytestmark = pytest.mark.official


IMAGES = 50
NAMES = {"model_classes": {"save_classes": "__all__", "add_suffix": "_own"}}
WINDOWS = {"window": {"width": 5, "height": 4}, "min_overlap": {"x": 2, "y": 1}, "save": True, "class_name": "window"}
BOUNDS = {"left": "1px", "top": "10%", "right": "20%", "bottom": "1px"}
MODES: list[dict[str, Any]] = [
    {"name": "full_image", **NAMES},
    {"name": "roi", "bounds": BOUNDS, "save": True, "class_name": "seen", **NAMES},
    {"name": "sliding_window_det", **WINDOWS, **NAMES},
]


def applied(cli: Cli, address: str, project: Path, mode: dict[str, Any]) -> dict[str, Any]:
    """The model applied to a project: its annotation of each image, by name."""
    given = ("--plugin", "Pixels", "--project", project, "--model", "start", "--set", f"mode={json.dumps(mode)}")
    result = cli.json("submit-inference", *given)["result_project_id"]
    with httpx2.Client(base_url=address, headers={"x-api-key": TOKEN}, timeout=60) as web:
        images = web.get(f"/api/projects/{result}/images", params={"limit": IMAGES}).json()["items"]
        return {one["name"]: web.get(f"/api/images/{one['id']}/annotation").json() for one in images}


def plain(annotation: Any) -> Any:
    """Without what the library and the client add."""
    tags = [one["name"] for one in annotation["tags"]]
    return annotation["size"], tags, [[one["classTitle"], one["points"]] for one in annotation["objects"]]


def test_the_client_deploys_a_model_and_asks_it(official_python: Path, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_ENGINE": "process", "AGENT_TOKEN": TOKEN})
    cli.run("plugin", "add", PIXELS)
    model = write_model(tmp_path / "start")
    cli.run("model", "add", model, "--name", "start")
    cli.run("model", "add", model, "--name", "start only", "--only-train")
    up = cli.start("up", "--port", "0")
    assert up.stderr is not None
    address = next(found[1] for line in up.stderr if (found := re.search(r"open (http://[^/]+)/", line)))
    try:
        project = write_project(tmp_path / "project", images=IMAGES)
        batches = [applied(cli, address, project, mode) for mode in MODES]
        asked = (tmp_path / "client", project / "ds0", json.dumps(MODES))
        run = run_client(official_python, "client_deployed.py", address, TOKEN, *asked)
    finally:
        os.kill(up.pid, signal.SIGTERM)
        up.communicate(timeout=60)

    status, sentence = run["before"][1]
    assert (run["before"][0], status) == ([], 400)
    assert "is not deployed. Deploy it" in sentence
    assert (run["task"], run["status"]) == ([True, True], "deployed")
    assert run["meta"] == ["thing_model"]
    assert run["labels"][0] == run["labels"][1]
    assert [name for name, _ in run["labels"][0]] == ["thing_model"]
    assert run["sizes"] == [[6, 9]] * 2
    assert run["beside"] == ["leaf", "thing_seen"]
    assert run["of mode"] == ["leaf", "thing_seen"]
    assert run["wrong mode"][0] == 422
    assert "the model could not answer" in run["wrong mode"][1]
    assert run["no image"][0] == 422
    assert "no image with this hash" in run["no image"][1]
    assert run["only"][0] == 400
    assert "transfer learning" in run["only"][1]
    assert run["stopping"] in ("terminating", "stopped")
    assert (run["after"][0], run["after"][1][0]) == ([], 400)

    for batch, answers in zip(batches, run["modes"], strict=True):
        assert len(batch) == IMAGES
        assert {name: plain(one) for name, one in answers.items()} == {name: plain(one) for name, one in batch.items()}
    seen = [{one["classTitle"] for answer in answers.values() for one in answer["objects"]} for answers in run["modes"]]
    assert seen == [{"leaf", "thing_own"}, {"leaf", "thing_own", "seen"}, {"leaf", "thing_own", "window"}]
