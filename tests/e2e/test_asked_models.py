"""Deployed models, asked as people and programs do: web, agent and plugin as they are started by `agent up`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.chaos.audit import end_runs_of
from tests.support.inputs import ASKED, PIXELS, RESTED, ROOT, Cli, write_model, write_project
from tests.support.web_server import TOKEN

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[[str], tuple[Cli, httpx2.Client]]]:
    """`agent up` with an engine: the command line beside it, and a client of its web."""
    started: list[tuple[subprocess.Popen[str], httpx2.Client]] = []

    def start(engine: str) -> tuple[Cli, httpx2.Client]:
        cli = Cli(tmp_path / "home", {"AGENT_ENGINE": engine, "AGENT_TOKEN": TOKEN})
        process = cli.start("up", "--port", "0", "--parallel", "2")
        assert process.stderr is not None
        found = next(found for line in process.stderr if (found := re.search(r"open (http://[^/]+)/", line)))
        client = httpx2.Client(base_url=found[1], headers={"x-api-key": TOKEN}, timeout=60)
        started.append((process, client))
        return Cli(cli.home, {**cli.env, "AGENT_WEB_PORT": found[1].rpartition(":")[2]}), client

    yield start
    for process, client in started:
        client.close()
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    end_runs_of(tmp_path)


def plain(annotation: Any) -> Any:
    """Without what the library adds."""
    kept = ("classTitle", "geometryType", "points", "bitmap", "tags")
    objects = [{key: one.get(key) for key in kept} for one in annotation["objects"]]
    return [annotation["size"], annotation["tags"], objects]


def test_a_deployed_model_answers_as_it_is_applied_to_a_project(
    up: Callable[[str], tuple[Cli, httpx2.Client]], tmp_path: Path
) -> None:
    cli, web = up("process")
    project = write_project(tmp_path / "project")
    cli.run("plugin", "add", PIXELS)
    cli.run("model", "add", write_model(tmp_path / "start"), "--name", "pixels")
    batch = ("--plugin", "Pixels", "--project", project, "--model", "pixels", "--name", "applied")
    cli.run("submit-inference", *batch)
    files = sorted((project / "ds0" / "img").iterdir())

    refused = cli.run("infer", "--model", "pixels", files[0], code=2)
    assert "agent deploy --model 1" in refused.stderr
    cli.run("infer", "--model", "pixels", "--deploy", "--out", tmp_path / "out", *files)
    alone = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert [one["title"] for one in alone["classes"]] == ["thing_model"]

    projects = web.get("/api/projects").json()["items"]
    result, given = (next(p for p in projects if p["name"] == name) for name in ("applied", "project"))
    meta = json.loads((project / "meta.json").read_text())
    images = web.get(f"/api/projects/{result['id']}/images").json()["items"]
    assert len(images) == len(files)
    ids = {one["name"]: one["id"] for one in web.get(f"/api/projects/{given['id']}/images").json()["items"]}
    for image in images:
        applied = web.get(f"/api/images/{image['id']}/annotation").json()
        known = (project / "ds0" / "ann" / f"{image['name']}.json").read_text()
        fields = {"annotation": (None, known), "meta": (None, json.dumps(meta))}
        content = (project / "ds0" / "img" / image["name"]).read_bytes()
        asked: Any = {**fields, "image": (image["name"], content)}
        said = web.post("/api/models/1/infer", files=asked).json()
        assert plain(said["annotation"]) == plain(applied)
        written = json.loads((tmp_path / "out" / f"{image['name']}.json").read_text())
        things = [one for one in plain(applied)[2] if one["classTitle"] == "thing_model"]
        assert plain(written)[2] == things
        form: Any = {"image_id": (None, str(ids[image["name"]]))}
        by_id = web.post("/api/models/1/infer", files=form).json()
        assert plain(by_id["annotation"]) == plain(written)
        data = {"request_type": "inference", "meta": meta, "annotation": json.loads(known), "mode": {}}
        official: Any = {"id": (None, "1"), "data": (None, json.dumps(data)), "image": ("img", content)}
        assert plain(web.post("/public/api/v3/models.infer", files=official).json()) == plain(applied)

    (line,) = cli.run("infer", "--model", "1", files[0]).stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(str(files[0]))}  1 object: thing_model 1  \d+\.\d{{3}} s", line)
    said = cli.json("infer", "--model", "1", files[0], "--mode", '{"name": "full_image"}')
    assert (said["image"], said["width"], said["height"]) == (str(files[0]), 8, 6)
    unknown = cli.run("infer", "--model", "1", "--mode", '{"name": "x"}', files[0], code=1)
    assert "the model could not answer" in unknown.stderr
    for mode, words in (("{", "is no JSON"), ("[]", "cannot be read"), ("full_image", '{"name": "full_image"}')):
        assert words in cli.run("infer", "--model", "1", "--mode", mode, files[0], code=2).stderr
    (task,) = web.get("/api/models/1/deployed").json()["tasks"]
    assert (task["status"], task["is_ready"], task["waiting"], task["running"]) == ("deployed", True, 0, 0)
    cli.run("task", "stop", task["id"])


WINDOWS = {"window": {"width": 5, "height": 4}, "min_overlap": {"x": 2, "y": 1}, "save": True, "class_name": "window"}
BOUNDS = {"left": "1px", "top": "10%", "right": "20%", "bottom": "1px"}
MODES: list[dict[str, Any]] = [
    {"name": "full_image"},
    {"name": "roi", "bounds": BOUNDS, "save": True, "class_name": "seen"},
    {"name": "sliding_window_det", **WINDOWS},
]
_WITH_NEEDS = """
ARG BASE
FROM ${BASE}
COPY requirements.txt /tmp/
RUN python3 -m pip install --break-system-packages --no-cache-dir -r /tmp/requirements.txt
"""


@pytest.fixture(scope="module")
def sdk_base(base_image: str) -> str:
    """An image with what the SDK needs of other packages."""
    name = "supervisely-local-tests/sdk:0.1.0"
    command = ("docker", "build", "--quiet", "--build-arg", f"BASE={base_image}", "--tag", name, "--file", "-")
    built = subprocess.run(
        [*command, str(ROOT / "supervisely_lib")], input=_WITH_NEEDS, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return name


@pytest.mark.docker
def test_in_a_container_it_answers_in_each_mode_as_it_is_applied_to_a_project(
    up: Callable[[str], tuple[Cli, httpx2.Client]], docker_engine: Any, sdk_base: str, tmp_path: Path
) -> None:
    cli, web = up("docker")
    project = write_project(tmp_path / "project", images=5)
    cli.run("build", PIXELS, "--base", f"base-py={sdk_base}")
    cli.run("model", "add", write_model(tmp_path / "start"), "--name", "pixels")
    cli.run("deploy", "--plugin", PIXELS, "--model", "pixels")
    meta = (project / "meta.json").read_text()
    for mode in MODES:
        mode = {**mode, "model_classes": {"save_classes": "__all__", "add_suffix": "_own"}}
        given = ("--plugin", PIXELS, "--project", project, "--model", "pixels", "--set", f"mode={json.dumps(mode)}")
        applied = cli.json("submit-inference", *given)
        images = web.get(f"/api/projects/{applied['result_project_id']}/images").json()["items"]
        assert len(images) == 5
        for image in images:
            known = (project / "ds0" / "ann" / f"{image['name']}.json").read_text()
            content = (project / "ds0" / "img" / image["name"]).read_bytes()
            asked = {"annotation": known, "meta": meta, "mode": json.dumps(mode)}
            form: Any = {"image": (image["name"], content), **{name: (None, text) for name, text in asked.items()}}
            said = web.post("/api/models/1/infer", files=form).json()
            assert plain(said["annotation"]) == plain(web.get(f"/api/images/{image['id']}/annotation").json())
            assert "thing_own" in {one["classTitle"] for one in said["annotation"]["objects"]}
    cli.run("task", "stop", said["task"])


@pytest.mark.docker
def test_a_model_in_a_container_reaches_a_web_on_loopback(
    up: Callable[[str], tuple[Cli, httpx2.Client]], docker_engine: Any, base_image: str, tmp_path: Path
) -> None:
    cli, web = up("docker")
    cli.run("build", ASKED, "--base", f"base-py={base_image}")
    cli.run("deploy", "--plugin", ASKED, "--model", write_model(tmp_path / "start"), "--set", "gpu_device=0")
    image = write_project(tmp_path / "project") / "ds0" / "img" / "im0_0.png"
    content = image.read_bytes()
    said = cli.json("infer", "--model", "1", image)
    assert said["annotation"]["description"] == f"{len(content)} bytes"
    assert said["annotation"]["settings"] == {"gpu_device": 0}
    task = said["task"]
    web.post(f"/api/tasks/{task}/stop")
    cli.run("task", "wait", task, code=None)
    form: Any = {"image": ("a.png", content)}
    assert web.post("/api/models/1/infer", files=form).status_code == 409


def test_a_program_of_2020_is_deployed_and_reached_through_the_same_door(
    up: Callable[[str], tuple[Cli, httpx2.Client]], tmp_path: Path
) -> None:
    cli, web = up("process")
    image = write_project(tmp_path / "project") / "ds0" / "img" / "im0_0.png"
    cli.run("deploy", "--plugin", RESTED, "--model", write_model(tmp_path / "start"))

    assert cli.json("infer", "--model", "1", image)["annotation"]["objects"][0]["classTitle"] == "thing_model"
    form: Any = {"image": ("a.png", image.read_bytes())}
    said = web.post("/api/models/1/infer", files=form).json()
    assert [one["title"] for one in said["meta"]["classes"]] == ["thing_model"]
    data = json.dumps({"request_type": "inference", "mode": {}})
    official: Any = {"id": (None, "1"), "data": (None, data), "image": ("img", image.read_bytes())}
    answer = web.post("/public/api/v3/models.infer", files=official).json()
    assert plain(answer) == plain(said["annotation"])
    cli.run("task", "stop", said["task"])


def test_without_a_web_there_is_nobody_to_ask(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home", {"AGENT_WEB_PORT": "1"})
    cli.run("model", "add", write_model(tmp_path / "start"), "--name", "start")
    image = write_project(tmp_path / "project") / "ds0" / "img" / "im0_0.png"
    said = cli.run("infer", "--model", "start", image, code=2).stderr
    assert "no web answers at http://127.0.0.1:1" in said
    assert "agent up" in said
    assert "cannot be read" in cli.run("infer", "--model", "start", tmp_path / "none.png", code=2).stderr
