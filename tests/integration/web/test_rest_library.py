"""The REST API's library: models and their tars, projects, plugins, agents."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import shutil
import tarfile
import types
from pathlib import Path

import anyio
import pytest

from agent.liveness import this_process
from tests.support.bytes_moved import bytes_moved
from tests.support.demo_store import fill_library, new_task, start, state_tar, tar_bytes, train
from tests.support.web_server import TOKEN
from web_stub.downloads import byte_range, disposition


def half_written(site):
    return [file for file in (site.settings.home / "artifacts" / "half").iterdir() if file.suffix != ".lock"]


def test_a_downloaded_checkpoint_is_the_tar_with_config_on_top(site):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=2)
    items = site.client.get(f"/api/tasks/{story.task_id}/checkpoints").json()["items"]
    answer = site.client.get(items[-1]["download"])

    assert [item["index"] for item in items] == [0, 1]
    assert items[-1]["state"] == "published"
    assert answer.headers["content-type"] == "application/x-tar"
    assert hashlib.sha256(answer.content).hexdigest() == items[-1]["sha256"]
    assert len(answer.content) == items[-1]["size_bytes"]
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        assert tar.getnames()[0] == "config.json"


def test_a_download_goes_on_where_it_broke_off(site):
    model = site.client.get("/api/models").json()["items"][0]
    whole = site.client.get(model["download"])
    first = site.client.get(model["download"], headers={"range": "bytes=0-999"})
    rest = site.client.get(model["download"], headers={"range": "bytes=1000-", "if-range": first.headers["etag"]})

    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.headers["content-range"] == f"bytes 0-999/{len(whole.content)}"
    assert first.content + rest.content == whole.content
    assert whole.headers["accept-ranges"] == "bytes"


def test_a_download_that_is_known_is_not_sent_again(site):
    model = site.client.get("/api/models").json()["items"][0]
    etag = site.client.get(model["download"]).headers["etag"]

    assert etag == f'"{model["sha256"]}"'
    assert site.client.get(model["download"], headers={"if-none-match": etag}).status_code == 304
    assert site.client.get(model["download"], headers={"range": "bytes=0-9", "if-range": '"old"'}).status_code == 200
    assert site.client.get(model["download"], headers={"range": "bytes=999999999-"}).status_code == 416


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=10-", "unsatisfiable"),
        ("bytes=-0", "unsatisfiable"),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=-", None),
        (f"bytes=0-{'9' * 5000}", (0, 10)),
        (f"bytes={'9' * 5000}-", "unsatisfiable"),
        (f"bytes=-{'9' * 5000}", (0, 10)),
        (f"bytes={'0' * 5000}5-7", (5, 8)),
        ("bytes=٣-٤", None),
    ],
)
def test_ranges_are_read_as_the_rfc_says(header, part):
    assert byte_range(header, 10) == part


def test_a_file_name_cannot_break_out_of_its_header():
    header = disposition('мо"дель\r\nx: y.tar')

    assert "\r" not in header
    assert header.count('"') == 2
    assert "filename*=UTF-8''%D0%BC" in header


def test_an_uploaded_tar_becomes_a_model(site):
    data = state_tar(["apple"], 5)
    query = {"name": "brought along", "only_train": True, "plugin": site.library.plugin_id}
    answer = site.client.post("/api/models", params=query, content=data)

    assert answer.status_code == 201, answer.text
    model = answer.json()
    assert (model["name"], model["only_train"], model["size_bytes"]) == ("brought along", True, len(data))
    assert model["config"]["classes"][0]["title"] == "apple"
    assert model["provenance"]["plugin_image"] == "local/unet-small:1.2.0"
    assert site.client.post("/api/models", params={"name": "x", "plugin": 99}, content=data).status_code == 404
    assert site.client.get(model["download"]).content == data
    assert not (site.settings.home / "uploads").exists()
    assert half_written(site) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not a tar at all", "is cut off"),
        (b"<html>" * 100, "is not a readable tar"),
        (b"", ""),
        (state_tar(["a"], 1)[:2000], ""),
        (tar_bytes(**{"model/config.json": b"{}"}), "config.json"),
        (tar_bytes(**{"config.json": b"[1]"}), "config.json"),
    ],
)
def test_a_tar_that_is_no_model_state_is_refused_with_every_problem(site, body, said):
    answer = site.client.post("/api/models", params={"name": "broken"}, content=body)

    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert answer.json()["details"]["problems"]
    assert str(site.settings.home) not in answer.text
    assert [m["name"] for m in site.client.get("/api/models").json()["items"]] == ["unet start weights"]
    assert half_written(site) == []


def test_an_upload_is_written_once_and_only_headers_of_it_are_read(site):
    data = tar_bytes(**{"config.json": b"{}", "model.pt": random.Random(1).randbytes(32 << 20)})
    with bytes_moved() as moved:
        answer = site.client.post("/api/models", params={"name": "large"}, content=data)

    assert answer.status_code == 201, answer.text
    assert len(data) <= moved.written_bytes < len(data) + (2 << 20)
    assert moved.read_bytes < 2 << 20


def test_an_upload_that_does_not_fit_is_refused_before_its_first_byte(site, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1000))
    answer = site.client.post("/api/models", params={"name": "large"}, content=state_tar(["apple"], 5))

    assert answer.status_code == 507
    assert "There is no space left to write an artifact" in answer.json()["error"]
    assert half_written(site) == []


@pytest.mark.parametrize("end", ["disconnect", "cancel"])
def test_of_an_upload_whose_client_goes_away_nothing_is_left(site, end):
    """What the server itself sees: some of the body, then the end of the connection, or of the task that serves it."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/api/models",
        "raw_path": b"/api/models", "query_string": b"name=lost", "root_path": "", "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:8120"), (b"x-api-key", TOKEN.encode())], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8120), "state": {},
    }  # fmt: skip
    seen = []

    async def serve() -> None:
        async with anyio.create_task_group() as tasks:
            body = iter([state_tar(["apple"], 5)[:5000] * 2000])

            async def receive():
                for piece in body:
                    return {"type": "http.request", "body": piece, "more_body": True}
                seen.extend(half_written(site))
                if end == "disconnect":
                    return {"type": "http.disconnect"}
                tasks.cancel_scope.cancel()
                return await anyio.sleep_forever()

            async def send(message):
                pass

            await site.app(scope, receive, send)

    anyio.run(serve)
    assert len(seen) == 1, "the bytes were on their way into the artifacts"
    assert half_written(site) == []
    assert [m["name"] for m in site.client.get("/api/models").json()["items"]] == ["unet start weights"]


def test_models_are_found_by_exact_name_and_by_task(site):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=2)

    def names(**query):
        return [m["name"] for m in site.client.get("/api/models", params=query).json()["items"]]

    assert names(task=story.task_id) == ["fruit 1", "fruit 0"]
    assert names(name="fruit 0") == ["fruit 0"]
    assert names(name="fruit") == []
    page = site.client.get("/api/models", params={"limit": 2}).json()
    assert names(limit=2, cursor=page["next"]) == ["unet start weights"]


def test_projects_show_datasets_and_meta(site):
    fill_library(site.store, site.artifacts, project="Coins")
    items = site.client.get("/api/projects").json()["items"]
    first = items[-1]
    detail = site.client.get(f"/api/projects/{first['id']}").json()
    datasets = site.client.get(f"/api/projects/{first['id']}/datasets").json()["items"]

    assert [p["name"] for p in items] == ["Coins", "Fruit on the table"]
    assert "meta" not in first
    assert detail["meta"]["classes"][0]["title"] == "apple"
    assert [(d["name"], d["images_count"]) for d in datasets] == [("ds0", 1), ("ds1", 2)]


def test_plugins_and_agents_are_listed(site):
    site.store.agents.beat("a-1", "workbench", {"engine": "docker", "load": float("nan")})
    plugin = site.client.get("/api/plugins").json()["items"][0]
    (agent,) = site.client.get("/api/agents").json()["items"]

    assert plugin["modes"] == ["train", "inference"]
    assert site.client.get(f"/api/plugins/{plugin['id']}").json() == plugin
    assert (agent["id"], agent["name"], agent["info"]["load"]) == ("a-1", "workbench", None)


def test_the_certificate_of_a_plugin_is_told_and_shown(site):
    id_ = site.library.plugin_id
    assert site.client.get(f"/api/plugins/{id_}/check").status_code == 404
    finding = {"code": "c", "where": "train", "said": "It <broke>.", "remedy": "Mend it.", "level": "fault"}
    step = {"title": "A training", "state": "failed", "why": "", "figures": {"lines": 4}, "findings": [finding]}
    content = site.store.plugins.get(id_).content_sha256
    said = {"passed": False, "plugin": {"content_sha256": content}, "static": [], "steps": [step]}
    site.store.plugin_checks.put(id_, said)
    told = site.client.get(f"/api/plugins/{id_}/check").json()
    assert (told["certificate"], told["is_of_this_content"]) == (said, True)
    site.store.plugin_checks.put(id_, {**said, "plugin": {"content_sha256": "other"}})
    assert not site.client.get(f"/api/plugins/{id_}/check").json()["is_of_this_content"]
    site.stranger.post("/login", data={"token": site.settings.token})
    page = site.stranger.get(f"/plugins/{id_}").text
    assert "It &lt;broke&gt;." in page
    assert "The plugin has changed since." in page


def test_nodes_are_listed_with_what_they_offer(site):
    site.store.nodes.put("ab" * 16, "lab")
    info = {**this_process(), "node": "ab" * 16, "labels": {"zone": "lab"}, "gpus": 2, "engine": "docker"}
    site.store.agents.beat("lab:1:x", "lab", info)
    site.store.agents.beat("old:1:x", "old", {})  # of a release without nodes
    (node,) = site.client.get("/api/nodes").json()["items"]
    assert node == {
        "id": "ab" * 16, "name": "lab", "agents": ["lab:1:x"], "is_alive": True, "silent_s": None, "running": 0,
        "engine": "docker", "gpus": 2, "labels": {"zone": "lab"},
    }  # fmt: skip


def test_json_is_compressed_and_tars_are_not(site):
    for i in range(20):
        new_task(site.store, site.library, f"task {i}")
    listed = site.client.get("/api/tasks", headers={"accept-encoding": "gzip"})
    tar = site.client.get("/api/models/1/download", headers={"accept-encoding": "gzip"})

    assert listed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in tar.headers
    assert int(tar.headers["content-length"]) == len(tar.content)


def test_every_answer_matches_the_openapi(site):
    schema = site.client.get("/api/openapi.json").json()

    assert json.dumps(schema).count("HTTPValidationError") == 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["operationId"], (method, path)
            assert operation["responses"].get("422", {}).get("description", "model_error")[:11] == "model_error"
            assert operation["responses"]["401"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")


def test_every_address_is_in_the_reference(site):
    page = (Path(__file__).parents[3] / "docs" / "reference" / "rest.md").read_text()
    paths = site.client.get("/api/openapi.json").json()["paths"]
    offered = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}

    assert set(re.findall(r"^\| `((?:GET|POST|PATCH|DELETE) /api\S*)`", page, re.MULTILINE)) == offered


def test_schemas_of_authors_files_are_served_by_name(site):
    answer = site.client.get("/api/schemas/meta")
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "plugin_info" in site.client.get("/api/schemas/poetry").json()["error"]
