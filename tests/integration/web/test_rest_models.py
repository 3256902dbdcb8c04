"""The REST API's models: search, files, lineage from parent to child."""

from __future__ import annotations

from agent.domain import NewModel, NewTask, Provenance, TaskType
from tests.integration.web.test_live import Stream
from tests.support.demo_store import CONFIG, fill_library, finish, new_task, start, state_tar, tar_bytes, train


def trained(site, name, model_id=None, epochs=2.0):
    new = NewTask(
        TaskType.TRAIN,
        name,
        site.library.plugin_id,
        site.library.project_id,
        model_id or site.library.model_id,
        CONFIG,
    )
    story = start(site.store, site.store.tasks.add(new))
    train(story, site.artifacts, epochs=epochs)
    finish(story)
    return story.task_id


def checkpoint_of(site, task_id, parent):
    """A model of this task, with the model from which the task started."""
    blob = site.artifacts.put_bytes(state_tar(["apple"], task_id))
    origin = Provenance(task_id=task_id, checkpoint_index=7, is_best=True, parent_model_id=parent)
    return site.store.models.add(NewModel(f"of task {task_id}", blob.sha256, blob.size_bytes, None, provenance=origin))


def test_a_model_is_found_by_part_of_its_name(site):
    trained(site, "Äpfel 100%")

    def names(**query):
        return [m["name"] for m in site.client.get("/api/models", params=query).json()["items"]]

    assert names(text="UNET") == ["unet start weights"]
    assert names(text="Äpfel") == ["Äpfel 100% 1", "Äpfel 100% 0"]
    assert names(text="100%") == ["Äpfel 100% 1", "Äpfel 100% 0"]
    assert names(text="1%0") == []
    assert names(text="_") == []
    assert len(names(text="")) == 3


def test_a_project_is_found_by_part_of_its_name(site):
    fill_library(site.store, site.artifacts, project="Coins, 50%")

    def names(**query):
        return [p["name"] for p in site.client.get("/api/projects", params=query).json()["items"]]

    assert names(text="coins") == names(text="50%") == ["Coins, 50%"]
    assert names(text="on", limit=1) == ["Fruit on the table"]
    assert names(text="5%") == []


def test_the_files_of_a_tar_are_listed_without_unpacking(site):
    answer = site.client.get(f"/api/models/{site.library.model_id}/files").json()

    assert [file["name"] for file in answer["items"]] == ["config.json", "model.pt"]
    assert (answer["count"], answer["items"][1]["size_bytes"]) == (2, 40_000)
    assert answer["size_bytes"] == sum(file["size_bytes"] for file in answer["items"])
    assert site.client.get("/api/models/99/files").status_code == 404


def test_a_model_without_files_has_an_empty_list_of_files(site):
    answer = site.client.post("/api/models", params={"name": "empty"}, content=tar_bytes())
    assert answer.status_code == 201, answer.text

    files = site.client.get(f"/api/models/{answer.json()['id']}/files").json()
    assert files == {"items": [], "count": 0, "size_bytes": 0}


def test_lineage_leads_from_the_first_parent_to_every_child(site):
    start_id = site.library.model_id
    first = trained(site, "first")
    middle = checkpoint_of(site, first, start_id)
    second = trained(site, "second", middle.id)
    last = checkpoint_of(site, second, middle.id)
    waiting = new_task(site.store, site.library, "waiting")

    def lineage(model_id):
        answer = site.client.get(f"/api/models/{model_id}/lineage")
        assert answer.status_code == 200, answer.text
        return answer.json()

    of_last, of_middle, of_start = lineage(last.id), lineage(middle.id), lineage(start_id)
    assert [model["id"] for model in of_last["ancestors"]] == [start_id, middle.id]
    assert (of_last["made_by"]["name"], of_last["used_by"]) == ("second", [])
    assert of_middle["made_by"]["project"]["name"] == "Fruit on the table"
    (used,) = of_middle["used_by"]
    assert used["task"]["id"] == second
    assert [model["checkpoint_index"] for model in used["models"]] == [7, 1, 0]
    assert (of_start["ancestors"], of_start["made_by"]) == ([], None)
    assert [used["task"]["id"] for used in of_start["used_by"]] == [waiting.id, first]


def test_lineage_of_a_model_that_is_its_own_ancestor_ends(site):
    blob = site.artifacts.put_bytes(state_tar(["apple"], 3))
    origin = Provenance(parent_model_id=site.library.model_id + 1)
    loop = site.store.models.add(NewModel("loop", blob.sha256, blob.size_bytes, None, provenance=origin))

    assert loop.provenance.parent_model_id == loop.id
    assert site.client.get(f"/api/models/{loop.id}/lineage").json()["ancestors"] == []


def test_new_models_arrive_on_an_open_stream(start_server, store, artifacts):
    known = fill_library(store, artifacts).model_id
    with start_server().client() as client:
        stream = Stream(client, "/api/models/stream")
        assert stream.until("models")[-1][2]["ids"] == [known]
        added = client.post("/api/models", params={"name": "brought"}, content=state_tar(["apple"], 5)).json()
        (_, _, data) = stream.until("models")[-1]
        stream.close()

    assert [model["name"] for model in data["models"]] == ["brought"]
    assert data["ids"] == [added["id"], known]
