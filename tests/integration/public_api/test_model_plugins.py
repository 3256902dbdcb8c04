"""Which plugin a model belongs to, where several are registered and nobody said so: clients cannot ask elsewhere."""

from __future__ import annotations

import json

import pytest

from agent.domain import NewModel, Provenance
from tests.support.demo_store import CONFIG, tar_bytes


@pytest.fixture
def second_plugin(site) -> int:
    """A further plugin, of another image and with presets of other keys."""
    known = site.store.plugins.get(site.library.plugin_id)
    same = {name: getattr(known, name) for name in ("description", "modes", "readme")}
    configs = ({"title": "t", "type": "train", "config": {"anchors": 1, "max_boxes": 2, "lr": 0.1}},)
    rest = {"type": "architecture", "image_digest": None, "folder": None, "content_sha256": None}
    return site.store.plugins.put(title="Boxes", image="local/boxes", tag="1", configs=configs, **same, **rest).id


def upload(site, name="added", *, settings=None, plugin=None, classes=("a",), **how):
    config = {"classes": list(classes), "settings": settings or {}}
    tar = tar_bytes(**{"config.json": json.dumps(config).encode(), "model.pt": b"weights"})
    query = {"name": name, **({"plugin": plugin} if plugin else {}), **how}
    answer = site.client.post("/api/models", params=query, content=tar)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def run_of(model: int) -> dict[str, object]:
    """What the official client's `run_train` sends: the plugin that the model named, or none."""
    config: dict[str, object] = {}
    return {
        "taskType": "train", "agentId": 1, "pluginId": None, "version": None, "config": config, "projects": [1],
        "models": [model], "name": "n",
    }  # fmt: skip


def test_a_model_that_fits_one_of_several_plugins_belongs_to_it(api, site, second_plugin):
    boxes = upload(site, settings={"anchors": 5, "max_boxes": 6, "lr": 0.5, "epochs": 3})
    other = upload(site, "other", settings=dict.fromkeys(CONFIG, 1))

    assert api("models.info", {"id": boxes})["pluginId"] == second_plugin
    assert api("models.info", {"id": other})["pluginId"] == site.library.plugin_id
    task = api("tasks.run.plugin", run_of(boxes))["taskId"]
    assert site.store.tasks.get(task).plugin_id == second_plugin


def test_a_model_that_fits_none_is_refused_with_what_to_do(api, site, second_plugin):
    model = upload(site, settings={"foo": 1})

    assert api("models.info", {"id": model})["pluginId"] is None
    said = api("tasks.run.plugin", run_of(model), status=400)["error"]
    assert f"the model ({model}) does not say which it belongs to; the plugins here are: Boxes, UNet V2" in said
    assert "`agent model add TAR --plugin TITLE`" in said


def test_a_model_belongs_to_the_plugin_of_its_twin_and_of_its_parent(api, site, second_plugin):
    named = upload(site, "named", plugin=second_plugin)
    twin = upload(site, "twin")
    child = site.store.models.add(NewModel("child", "1" * 64, 1, {}, provenance=Provenance(parent_model_id=named))).id

    assert {api("models.info", {"id": id_})["pluginId"] for id_ in (named, twin, child)} == {second_plugin}


def test_the_plugin_of_an_upload_counts_for_content_that_is_there_already(api, site, second_plugin):
    first = upload(site)
    assert api("models.info", {"id": first})["pluginId"] is None

    assert upload(site, plugin=second_plugin) == first
    assert api("models.info", {"id": first})["pluginId"] == second_plugin
    assert upload(site, plugin=second_plugin) == upload(site) == first  # said once, it stays
    other = upload(site, plugin=site.library.plugin_id)
    assert other != first
    assert api("models.info", {"id": other})["pluginId"] == site.library.plugin_id
    assert api("models.info", {"id": first})["pluginId"] == second_plugin
