"""The same function removes a model for the command, REST, the public API and the retention policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.errors import Conflict
from agent.installation import Installation
from agent.maintenance.retention import find_expired
from agent.settings import Settings
from agent.store.models import Models
from tests.integration.public_api.conftest import Api, Site
from tests.support.demo_store import finish, new_task, start, train
from tests.support.inputs import Cli

Door = Callable[[Site, int], str]  # tries to remove the model; the reason if it was refused, else an empty text


def by_command(site: Site, model_id: int) -> str:
    done = Cli(site.settings.home, {"AGENT_ENGINE": "process"}).run("model", "remove", model_id, code=None)
    return done.stderr if done.returncode else ""


def by_rest(site: Site, model_id: int) -> str:
    answer = site.client.delete(f"/api/models/{model_id}")
    return "" if answer.status_code == 200 else str(answer.json()["error"])


def by_public_api(site: Site, model_id: int) -> str:
    answer = site.client.post("/public/api/v3/models.remove", json={"id": model_id})
    return "" if answer.status_code == 200 else str(answer.json()["error"])


def by_retention(site: Site, model_id: int) -> str:
    """The policy has chosen the model before a user pins it, and removes it afterwards."""
    pinned = site.store.models.get(model_id).pinned
    site.store.models.pin(model_id, pinned=False)
    settings = Settings(home=site.settings.home, engine="process", keep="latest=1")
    expired = list(find_expired(Installation(site.store, site.artifacts, settings)))
    site.store.models.pin(model_id, pinned=pinned)
    (checkpoint,) = [one for one in expired if one.name.startswith(f"model {model_id}:")]
    return checkpoint.remove()


every_door = pytest.mark.parametrize("door", [by_command, by_rest, by_public_api, by_retention])


@pytest.fixture
def model_id(site: Site) -> int:
    """A model of a checkpoint from which no task starts, and which is not the last checkpoint of its task."""
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    train(story, site.artifacts, epochs=4)
    finish(story)
    first, *_ = site.store.checkpoints.published()
    return first.model_id


@every_door
def test_a_pinned_model_is_refused_and_stays_with_its_bytes(site: Site, model_id: int, door: Door) -> None:
    model = site.store.models.pin(model_id)

    assert f"Model {model_id} is pinned" in door(site, model_id)

    assert site.store.models.get(model_id) == model
    assert model_id in {one.id for one in site.store.models.list()}
    assert site.artifacts.exists(model.sha256)


@every_door
def test_a_removed_model_waits_in_the_trash_and_comes_back_whole(site: Site, model_id: int, door: Door) -> None:
    before = site.store.models.get(model_id)

    assert door(site, model_id) == ""

    assert [model.id for model in site.store.models.trashed()] == [model_id]
    assert model_id not in {model.id for model in site.store.models.list()}
    assert site.artifacts.exists(before.sha256)
    assert site.store.models.restore(model_id) == before


@pytest.mark.parametrize("door", [by_rest, by_public_api, by_retention])
def test_every_way_to_remove_a_model_calls_the_same_function(
    site: Site, model_id: int, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(models: Models, id: int) -> None:  # noqa: A002
        raise Conflict(f"Model {id} is held by this test.")

    monkeypatch.setattr(Models, "remove", refuse)

    assert f"Model {model_id} is held by this test." in door(site, model_id)


def test_a_client_does_not_see_a_model_that_was_removed(api: Api, site: Site, model_id: int) -> None:
    assert api("models.remove", {"id": model_id}) == {"success": True}

    assert model_id not in {model["id"] for model in api("models.list", {"workspaceId": 1})["entities"]}
    for method in ("models.info", "models.info.deployed", "models.download", "models.remove"):
        assert "restore" in api(method, {"id": model_id}, status=404)["error"]


def test_a_model_whose_bytes_have_not_come_cannot_be_removed(api: Api, site: Site) -> None:
    task = new_task(site.store, site.library, "fruit")
    reserved = api("models.hash.create", {"taskId": task.id})["id"]

    assert "no model" in by_rest(site, reserved)
    assert "no model" in by_public_api(site, reserved)
