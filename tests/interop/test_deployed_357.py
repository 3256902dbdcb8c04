"""The last official client with the neural-network API deploys a model and asks it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.interop.clients import run_client
from tests.support.inputs import PIXELS, Cli, write_model
from tests.support.web_server import TOKEN

pytestmark = pytest.mark.official


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
        run = run_client(official_python, "client_deployed.py", address, TOKEN, tmp_path / "client")
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
