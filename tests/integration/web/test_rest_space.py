"""Disk usage over REST; models are pinned, removed and restored."""

from __future__ import annotations

from agent.installation import Installation
from agent.maintenance.housekeeping import probe_images
from tests.support.fake_engine import FakeEngine


def space(site):
    answer = site.client.get("/api/space")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_everything_that_takes_space_is_in_the_answer(site):
    site.artifacts.put_bytes(b"nothing names this")
    folder = site.settings.tasks / "1" / "results"
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"x" * 100_000)
    found = space(site)
    assert found["unnamed_bytes"] == len(b"nothing names this")
    assert found["blobs_bytes"] > found["unnamed_bytes"]
    assert found["blobs_count"] >= 2
    assert found["folders_bytes"] >= 100_000
    assert found["store_bytes"] > 0
    assert 0 < found["disk_free_bytes"] <= found["disk_total_bytes"]
    assert [model["id"] for model in found["models"]] == [site.library.model_id]
    assert [project["id"] for project in found["projects"]] == [site.library.project_id]
    assert (found["trash"], found["images"]) == ([], None)


def test_a_model_is_pinned_and_comes_back_from_the_trash(site):
    model_id = site.library.model_id
    assert site.client.post(f"/api/models/{model_id}/pin").status_code == 200
    assert space(site)["models"][0]["pinned"] is True
    refused = site.client.delete(f"/api/models/{model_id}")
    assert (refused.status_code, "unpin" in refused.json()["error"]) == (409, True)
    assert site.client.post(f"/api/models/{model_id}/unpin").status_code == 200

    removed = site.client.delete(f"/api/models/{model_id}").json()
    assert removed["deleted_at"] is not None
    assert [one["id"] for one in space(site)["trash"]] == [model_id]
    assert site.client.get("/api/models").json()["items"] == []
    assert site.client.get(f"/api/models/{model_id}").status_code == 200  # what names it still finds it

    assert site.client.post(f"/api/models/{model_id}/restore").json()["id"] == model_id
    assert space(site)["trash"] == []
    assert site.client.post("/api/models/99999/restore").status_code == 404


def test_images_are_shown_as_an_agent_last_saw_them(site):
    installation = Installation(
        site.store, site.artifacts, site.settings, lambda name, settings: FakeEngine(lambda folder: ())
    )
    probe_images(installation)
    assert space(site)["images"]["items"] == []
    (site.settings.home / "images.json").write_text("half a fi")
    assert space(site)["images"] is None
