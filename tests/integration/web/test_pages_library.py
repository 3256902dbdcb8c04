"""The pages of models, plugins and the new task: their content before a script runs."""

from __future__ import annotations

import json
import re
from urllib.parse import urljoin

import pytest

from agent.domain import ImageBlob, NewModel, Provenance
from agent.errors import StoreBusy
from tests.support.demo_store import new_task, start, state_tar, train
from tests.support.web_server import TOKEN


@pytest.fixture
def person(site):
    """A client with a session instead of the token."""
    site.stranger.post("/login", data={"token": TOKEN})
    return site.stranger


def first_of(answer):
    assert answer.status_code == 200, answer.text
    first = re.search(r'id="first">(.*?)</script>', answer.text)
    assert first is not None
    return json.loads(first[1])


@pytest.mark.parametrize("path", ["/models", "/models/upload", "/models/1", "/plugins", "/plugins/1", "/tasks/new"])
def test_every_page_wants_a_session(site, path):
    answer = site.stranger.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(("./login?next=", "../login?next="))


@pytest.mark.parametrize("path", ["/models", "/models/upload", "/models/1", "/plugins", "/plugins/1", "/tasks/new"])
def test_every_page_loads_only_what_the_server_has(person, path):
    answer = person.get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([./]+assets/[^"]+)"', answer.text)
    assert loaded
    assert all(person.get(urljoin(path, file)).status_code == 200 for file in loaded)
    assert not re.search(r"""\son\w+=|style=|<script(?![^>]*(?:src=|application/json))""", answer.text)


@pytest.mark.parametrize("path", ["/models/99", "/plugins/99", "/models/99999999999999999999"])
def test_an_unknown_address_or_id_is_explained_on_a_page(person, path):
    answer = person.get(path, headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert "There is no" in answer.text


def test_a_store_that_is_busy_is_told_to_a_person_on_a_page_and_to_a_program_as_json(site, person):
    def busy(_request):
        raise StoreBusy("The database is locked by another process.")

    site.app.add_route("/busy", busy)
    site.app.router.routes.insert(0, site.app.router.routes.pop())
    page = person.get("/busy", headers={"accept": "text/html"})
    answer = person.get("/busy")

    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "locked by another process" in page.text
    assert (answer.status_code, answer.json()["error"]) == (503, "The database is locked by another process.")


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
    draft = first_of(person.get(f"/tasks/new?task={task.id}"))["draft"]

    assert (draft["type"], draft["name"], draft["task"]) == ("train", "fruit", task.id)
    assert (draft["plugin"], draft["project"], draft["model"]) == (1, 1, 1)
    assert json.loads(draft["config"]) == dict(task.config)
    assert list(json.loads(draft["config"])) == list(task.config)
    assert draft["options"]["engine"] == task.options.engine


def test_training_on_from_a_checkpoint_keeps_the_classes(site, person):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=1)
    model = site.store.models.list(task_id=story.task_id)[0]
    on = first_of(person.get(f"/tasks/new?type=train&task={story.task_id}&model={model.id}"))["draft"]
    infer = first_of(person.get(f"/tasks/new?type=inference&task={story.task_id}&model={model.id}"))["draft"]

    assert on["model"] == model.id
    assert json.loads(on["config"])["weights_init_type"] == "continue_training"
    assert (infer["type"], infer["config"], infer["name"]) == ("inference", None, None)
    assert (infer["plugin"], infer["project"], infer["model"]) == (1, 1, model.id)


def test_a_model_brings_the_plugin_it_was_made_for(site, person):
    blob = site.artifacts.put_bytes(state_tar(["a"], 1))
    origin = Provenance(plugin_id=site.library.plugin_id)
    model = site.store.models.add(NewModel("m", blob.sha256, blob.size_bytes, None, provenance=origin))

    assert first_of(person.get(f"/tasks/new?model={model.id}"))["draft"]["plugin"] == site.library.plugin_id


def test_a_link_to_something_that_was_removed_is_explained(person):
    first = first_of(person.get("/tasks/new?task=77&model=88"))

    assert first["notes"] == ["There is no task 77.", "There is no model 88."]
    assert first["draft"]["model"] is None


def test_an_agent_that_reported_is_counted(site, person):
    assert first_of(person.get("/tasks/new"))["agents"] == 0
    site.store.agents.beat("a-1", "workbench", {})

    assert first_of(person.get("/tasks/new"))["agents"] == 1


def test_the_page_of_a_plugin_and_the_api_say_where_its_image_can_be_had(site, person):
    store, id_ = site.store, site.library.plugin_id

    def page() -> str:
        return " ".join(person.get(f"/plugins/{id_}").text.split())

    def told() -> tuple[object, ...]:
        said = person.get(f"/api/plugins/{id_}").json()
        return said["image_digest"], said["pushed"], said["kept_bytes"], said["node"]

    plugin = store.plugins.get(id_)
    assert "Can be had" not in page()  # wherever its name leads
    store.nodes.put("n1", "lab <1>")
    store.plugins.put(
        title=plugin.title, description="", type="", image=plugin.image, tag=plugin.tag, modes=["train"], readme="",
        configs=[], image_digest=None, folder="/net", content_sha256=None, node="n1",
    )  # fmt: skip
    assert f'on node lab &lt;1&gt; only; for the others: <span class="mono">agent plugin push {id_}</span>' in page()
    assert told() == (None, None, None, "n1")

    store.plugins.set_kept(id_, "sha256:1", [ImageBlob("a" * 64, 3 << 20)])
    assert "in the artifacts (3.0 MiB)" in page()
    store.plugins.set_pushed(id_, "sha256:1", "reg/net@sha256:9")
    assert 'in a registry <span class="mono">reg/net@sha256:9</span>' in page()
    assert told() == ("sha256:1", "reg/net@sha256:9", 3 << 20, "n1")
