"""A task that the command line submits, read over REST; and a task that REST submits and `agent up` runs."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass

import httpx
import pytest

from tests.support.inputs import ODD, write_model, write_project


@dataclass(frozen=True)
class Up:
    url: str
    client: httpx.Client


@pytest.fixture
def up(cli):
    """`agent up` as a user starts it, on a free port; a client with the installation's token."""
    process = cli.start("up", "--port", "0")
    try:
        said: list[str] = []
        while not (said and (found := re.match(r"open (http://\S+?)/login", said[-1]))):
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
        url = found[1]
        token = (cli.home / "token").read_text().strip()
        with httpx.Client(base_url=url, headers={"x-api-key": token}, timeout=30) as client:
            yield Up(url, client)
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_over_rest_every_point_is_there_and_a_checkpoint_trains_on(cli, up, tmp_path):
    project, model = write_project(tmp_path / "fruit"), write_model(tmp_path / "start")
    task = cli.json("submit-train", "--plugin", ODD, "--project", project, "--model", model, "--set", "points=500")
    assert httpx.get(f"{up.url}/api/tasks/{task['id']}").status_code == 401

    log = up.client.get(f"/api/tasks/{task['id']}/log").text.splitlines()
    printed = [json.loads(line) for line in log if "EventType.METRICS" in line]
    series = up.client.get(f"/api/tasks/{task['id']}/series").json()["items"]
    for kind, name in (("train", "loss"), ("val", "loss"), ("val", "accuracy")):
        wanted = [e["metrics"][name] for e in printed if e["type"] == kind and name in e["metrics"]]
        (one,) = [s for s in series if (s["kind"], s["name"]) == (kind, name)]
        assert one["count"] == len(wanted)
    assert sum(s["count"] for s in series) == sum(len(e["metrics"]) for e in printed) == 2 * 500 + 2 * 2
    drawn = up.client.get(f"/api/tasks/{task['id']}/points", params={"max_points": 100_000}).json()
    assert sum(s["n"] if "n" in s else len(s["y"]) for s in drawn["series"]) >= 1000

    (first, *_) = up.client.get(f"/api/tasks/{task['id']}/checkpoints").json()["items"]
    tar = tmp_path / "state.tar"
    tar.write_bytes(up.client.get(first["download"]).content)
    listed = subprocess.run(["tar", "-tf", tar], capture_output=True, text=True, check=True).stdout.split()
    assert listed == ["config.json", "model.pt"]
    again = cli.json("submit-train", "--plugin", ODD, "--project", project, "--model", tar, "--set", "epochs=1")
    assert again["status"] == "finished"
    assert cli.json("model", "show", again["model_id"])["model"]["sha256"] == first["sha256"]
    assert len(cli.json("model", "list")) == 1 + 2 + 1  # the same bytes were not imported again


def test_a_task_submitted_over_rest_runs_and_streams_to_its_end(cli, up, tmp_path):
    cli.json("plugin", "add", ODD)
    project = cli.json("project", "add", write_project(tmp_path / "fruit"))
    model = cli.json("model", "add", write_model(tmp_path / "start"))
    refused = up.client.post("/api/tasks", json={"type": "train", "plugin": 99, "project": 1, "model": 1})
    assert (refused.status_code, "99" in refused.json()["error"]) == (404, True)
    payload = {"type": "train", "plugin": "Odd", "project": project["id"], "model": model["id"], "name": "over rest"}
    made = up.client.post("/api/tasks", json=payload)
    assert made.status_code == 201, made.text
    task_id = made.json()["id"]

    statuses = []
    with up.client.stream("GET", f"/api/tasks/{task_id}/stream") as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and (status := re.search(r'"status":\s*"(\w+)"', line)):
                statuses.append(status[1])
                if statuses[-1] in {"finished", "error", "stopped"}:
                    break
    assert statuses[-1] == "finished"
    assert len(up.client.get(f"/api/tasks/{task_id}/checkpoints").json()["items"]) == 2
