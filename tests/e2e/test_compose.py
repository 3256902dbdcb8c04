"""The compose file serves a whole task: web and agent as two containers over one store."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator

import pytest

from tests.support.compose import Compose
from tests.support.inputs import ODD, Cli, write_model, write_project

pytestmark = pytest.mark.docker


@pytest.fixture
def compose(docker_engine, base_image, tmp_path_factory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    made = Compose(folder, base_image)
    made.run("up", "--build", "--detach")
    try:
        yield made
    finally:
        made.run("down", "--volumes", "--timeout", "5")


def test_a_task_runs_end_to_end_through_compose(compose, base_image, tmp_path):
    Cli(tmp_path / "home", {}).run("build", ODD, "--base", f"base-py={base_image}")
    write_project(compose.folder / "in" / "fruit")
    write_model(compose.folder / "in" / "start")
    compose.agent("plugin", "add", "local/nn-odd:0.1.0")
    submit = (
        "submit-train",
        "--plugin",
        "Odd",
        "--project",
        compose.folder / "in/fruit",
        "--model",
        compose.folder / "in/start",
    )
    task_id = int(compose.agent(*submit, "--detach"))
    ended = json.loads(compose.agent("task", "wait", task_id, "--json"))
    assert (ended["status"], ended["reason"]) == ("finished", "finished")

    until = time.monotonic() + 30
    while True:  # the page's process may still be starting
        try:
            shown = json.loads(compose.get(f"/api/tasks/{task_id}"))
            break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)
    assert shown["status"] == "finished"
    found = json.loads(compose.get(f"/api/tasks/{task_id}/checkpoints"))["items"]
    assert [one["state"] for one in found] == ["published", "published"]
    for one in found:
        with tarfile.open(fileobj=io.BytesIO(compose.get(one["download"]))) as tar:
            assert sorted(tar.getnames()) == ["config.json", "model.pt"]
    assert (compose.folder / "tasks" / str(task_id) / "logs").is_dir()  # the same folder inside and outside
