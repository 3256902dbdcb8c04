"""The pages of models, plugins and the new task: what they come with, before a script runs."""

from __future__ import annotations

import json
import re

import pytest

from agent.domain import NewModel, Provenance
from tests.demo_store import new_task, start, state_tar, train
from tests.web_server import TOKEN


@pytest.fixture
def person(site):
    """A client with a session instead of the token."""
    site.stranger.post("/login", data={"token": TOKEN})
    return site.stranger


def first_of(answer):
    assert answer.status_code == 200, answer.text
    return json.loads(re.search(r'id="first">(.*?)</script>', answer.text)[1])


@pytest.mark.parametrize("path", ["/models", "/models/upload", "/models/1", "/plugins", "/plugins/1", "/tasks/new"])
def test_every_page_wants_a_session(site, path):
    answer = site.stranger.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("path", ["/models", "/models/upload", "/models/1", "/plugins", "/plugins/1", "/tasks/new"])
def test_every_page_loads_only_what_the_server_has(person, path):
    answer = person.get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="(/assets/[^"]+)"', answer.text)
    assert loaded
    assert all(person.get(file).status_code == 200 for file in loaded)
    assert not re.search(r"""\son\w+=|style=|<script(?![^>]*(?:src=|application/json))""", answer.text)


@pytest.mark.parametrize("path", ["/models/99", "/plugins/99", "/models/99999999999999999999"])
def test_what_is_not_there_is_said_on_a_page(person, path):
    answer = person.get(path, headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert "There is no" in answer.text


def test_an_address_with_a_wrong_field_is_explained_on_a_page(person):
    answer = person.get("/tasks/new?task=seven", headers={"accept": "text/html"})

    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "Task: input should be a valid integer" in answer.text


def test_texts_of_plugins_and_models_cannot_become_markup(site, person):
    evil = "</script><script>alert(1)</script>"
    plugin = site.store.plugins.put(
        title=evil,
        description=evil,
        type="architecture",
        image="local/evil",
        tag="1",
        modes=("train",),
        readme=f"# {evil}\n\n[x](javascript:alert(1))",
        configs=({"title": evil, "type": "train", "config": {evil: evil}},),
        image_digest=None,
        folder=None,
        content_sha256=None,
    )
    blob = site.artifacts.put_bytes(state_tar(["a"], 1))
    origin = Provenance(plugin_id=plugin.id)
    model = site.store.models.add(NewModel(evil, blob.sha256, blob.size_bytes, {evil: evil}, provenance=origin))
    for path in ("/models", f"/models/{model.id}", "/models/upload", "/plugins", f"/plugins/{plugin.id}", "/tasks/new"):
        assert "<script>alert" not in person.get(path).text


def test_a_rerun_is_filled_in_from_its_task(site, person):
    task = new_task(site.store, site.library, "fruit")
    wish = first_of(person.get(f"/tasks/new?task={task.id}"))["wish"]

    assert (wish["type"], wish["name"], wish["task"]) == ("train", "fruit", task.id)
    assert (wish["plugin"], wish["project"], wish["model"]) == (1, 1, 1)
    assert json.loads(wish["config"]) == dict(task.config)
    assert list(json.loads(wish["config"])) == list(task.config)
    assert wish["options"]["engine"] == task.options.engine


def test_training_on_from_a_checkpoint_keeps_the_classes(site, person):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=1)
    model = site.store.models.list(task_id=story.task_id)[0]
    on = first_of(person.get(f"/tasks/new?type=train&task={story.task_id}&model={model.id}"))["wish"]
    infer = first_of(person.get(f"/tasks/new?type=inference&task={story.task_id}&model={model.id}"))["wish"]

    assert on["model"] == model.id
    assert json.loads(on["config"])["weights_init_type"] == "continue_training"
    assert (infer["type"], infer["config"], infer["name"]) == ("inference", None, None)
    assert (infer["plugin"], infer["project"], infer["model"]) == (1, 1, model.id)


def test_a_model_brings_the_plugin_it_was_made_for(site, person):
    blob = site.artifacts.put_bytes(state_tar(["a"], 1))
    origin = Provenance(plugin_id=site.library.plugin_id)
    model = site.store.models.add(NewModel("m", blob.sha256, blob.size_bytes, None, provenance=origin))

    assert first_of(person.get(f"/tasks/new?model={model.id}"))["wish"]["plugin"] == site.library.plugin_id


def test_what_a_link_names_and_is_gone_is_said(person):
    first = first_of(person.get("/tasks/new?task=77&model=88"))

    assert first["notes"] == ["There is no task 77.", "There is no model 88."]
    assert first["wish"]["model"] is None


def test_an_agent_that_reported_is_counted(site, person):
    assert first_of(person.get("/tasks/new"))["agents"] == 0
    site.store.agents.beat("a-1", "workbench", {})

    assert first_of(person.get("/tasks/new"))["agents"] == 1
