"""The public API with the recorded requests of clients (contract: web_api.md), field by field."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from typing import Any

import pytest
from PIL import Image

from agent.domain import NewModel, Provenance, TaskStatus
from agent.errors import StorageFailed, StoreBusy
from tests.support.demo_store import finish, new_task, start, state_tar, tar_bytes, train
from tests.support.labeled_project import HOSTILE, annotation
from tests.support.labeled_project import add as add_project
from web_stub.json_response import error_response

# Fields that a client of 2019 reads by [field]: a missing field is a KeyError in the client (contract: web_api.md 2).
REQUIRED = {
    "team": "id name description role createdAt updatedAt",
    "workspace": "id name description teamId createdAt updatedAt",
    "agent": "id name token status userId teamId capabilities createdAt updatedAt",
    "plugin": "id name description type defaultVersion dockerImage readme configs versions createdAt updatedAt",
    "project": "id name description size readme workspaceId createdAt updatedAt",
    "dataset": "id name description size projectId imagesCount createdAt updatedAt",
    "image": "id name link hash mime size width height labelsCount datasetId createdAt updatedAt",
    "annotation": "imageId imageName annotation createdAt updatedAt",
    "model": "id name description config hash onlyTrain pluginId pluginVersion size weightsLocation readme "
    "taskId userId teamId workspaceId createdAt updatedAt",
    "user": "id login name email logins disabled lastLogin createdAt updatedAt",
}
META = {
    "classes": [
        {"title": "box", "shape": "rectangle", "color": "#FF0000"},
        {"title": "leaf", "shape": "polygon", "color": "#00FF00"},
    ],
    "tags": [{"name": "train", "value_type": "none"}],
}


def entity(kind, found):
    assert set(REQUIRED[kind].split()) <= set(found), set(REQUIRED[kind].split()) - set(found)
    return found


def png(colour, size=(8, 6)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def b64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def by_name(name):
    return [{"field": "name", "operator": "=", "value": name}]


@pytest.fixture
def dataset(api):
    """A project with two images, made like the client of 2019 makes it; gives the ids."""
    project = entity("project", api("projects.add", {"workspaceId": 1, "name": "made", "description": ""}))
    api("projects.meta.update", {"id": project["id"], "meta": META})
    dataset = entity("dataset", api("datasets.add", {"projectId": project["id"], "name": "ds", "description": ""}))
    red, blue = png("red"), png("blue", (10, 4))
    assert api("images.internal.hashes.list", [b64(red), b64(blue)]) == []
    files = {"0-file": ("0", red, "image/*"), "1-file": ("1", blue, "image/*")}
    api_upload = api("images.bulk.upload", None, files=files)
    assert api_upload == [{"hash": b64(red)}, {"hash": b64(blue)}]
    assert api("images.internal.hashes.list", [b64(blue), "unknown", b64(red)]) == [b64(blue), b64(red)]
    added = api(
        "images.bulk.add",
        {
            "datasetId": dataset["id"],
            "images": [{"title": "r.png", "hash": b64(red)}, {"title": "b.png", "hash": b64(blue)}],
        },
    )
    assert [entity("image", image)["name"] for image in added] == ["r.png", "b.png"]
    return {"project": project["id"], "dataset": dataset["id"], "images": [image["id"] for image in added]}


# ---------------------------------------------------------------- structure


def test_there_is_one_team_workspace_and_user(api):
    (team,) = api("teams.list", {"filter": []})["entities"]
    (workspace,) = api("workspaces.list", {"teamId": team["id"], "filter": []})["entities"]

    assert entity("team", api("teams.info", {"id": team["id"]})) == team
    assert entity("workspace", api("workspaces.info", {"id": workspace["id"]})) == workspace
    assert workspace["teamId"] == team["id"]
    entity("user", api("users.me"))
    assert api("workspaces.list", {"teamId": 1, "filter": by_name("no")}) == {
        "total": 0,
        "perPage": 500,
        "pagesCount": 1,
        "entities": [],
        "after": None,
    }
    assert api("teams.info", {"id": 9}, status=404)["details"]["message"]
    api("workspaces.list", {"teamId": 9}, status=404)
    assert "local" in api("workspaces.add", {"teamId": 1, "name": "mine"}, status=400)["error"]


def test_the_version_handshake_is_newer_than_the_clients_ask_for(api):
    version = [int(part) for part in api("instance.version")["version"].split(".")]

    assert version > [6, 18, 3]


def test_a_method_we_do_not_have_is_named_and_not_tried_again(api, site):
    refused = api("tasks.run.python", {"id": 1}, status=501)

    assert "tasks.run.python" in refused["error"]
    assert refused["details"]["method"] == "tasks.run.python"
    assert site.client.get("/public/api/v3/teams.list").status_code == 405
    assert "no such method" in api("teams.lst", status=404)["error"]


def test_agents_have_numbers_and_are_found_under_both_names(api, site):
    site.store.agents.beat("a-text-id", "workbench", {})
    (agent,) = api("agents.list", {"teamId": 1, "filter": []})["entities"]

    assert entity("agent", agent)["status"] == "running"
    assert api("agent.info", {"id": agent["id"]}) == api("agents.info", {"id": agent["id"]}) == agent
    api("agents.info", {"id": 5}, status=404)


def test_a_plugin_is_an_image_with_versions(api, site):
    old = site.store.plugins.list()[0]
    new = site.store.plugins.put(
        title=old.title,
        description="newer",
        type=old.type,
        image=old.image,
        tag="2.0.0",
        modes=old.modes,
        readme="",
        configs=old.configs,
        image_digest=None,
        folder=None,
        content_sha256=None,
    )
    (plugin,) = api("plugins.list", {"teamId": 1, "filter": []})["entities"]

    assert entity("plugin", plugin)["versions"] == ["2.0.0", "1.2.0"]
    assert (plugin["id"], plugin["defaultVersion"], plugin["dockerImage"]) == (old.id, "2.0.0", "local/unet-small")
    assert isinstance(plugin["configs"], list)
    filters = [{"field": "id", "operator": "=", "value": old.id}]
    assert api("plugins.list", {"teamId": 1, "filter": filters})["total"] == 1
    run = {"taskType": "train", "agentId": 1, "pluginId": plugin["id"], "projects": [1], "models": [1], "name": "n"}
    newest = api("tasks.run.plugin", {**run, "version": None, "config": {}})
    asked = api("tasks.run.plugin", {**run, "version": "1.2.0", "config": {}})
    assert site.store.tasks.get(newest["taskId"]).plugin_id == new.id
    assert site.store.tasks.get(asked["taskId"]).plugin_id == old.id
    assert "2.0.0" in api("tasks.run.plugin", {**run, "version": "9"}, status=404)["error"]


# ---------------------------------------------------------------- lists


def test_pages_add_up_and_filters_sorts_and_unknown_keys_are_understood(api):
    for i in range(7):
        api("projects.add", {"workspaceId": 1, "name": f"p{i}"})
    body = {"workspaceId": 1, "filter": [], "sort": "id", "sort_order": "asc", "taskId": 5, "nonsense": {"a": 1}}
    whole = api("projects.list", body)
    pages = [api("projects.list", {**body, "page": page, "per_page": 3}) for page in (1, 2, 3)]

    assert whole["total"] == len(whole["entities"]) == 8
    assert whole["pagesCount"] == 1
    assert [page["pagesCount"] for page in pages] == [3, 3, 3]
    assert [e["id"] for page in pages for e in page["entities"]] == [e["id"] for e in whole["entities"]]
    down = api("projects.list", {**body, "sort_order": "desc", "sort": "name"})["entities"]
    assert [e["name"] for e in down][:2] == ["p6", "p5"]
    within = [{"field": "id", "operator": "in", "value": [2, 4]}]
    assert [e["id"] for e in api("projects.list", {**body, "filter": within})["entities"]] == [2, 4]
    assert "colour" in api("projects.list", {**body, "filter": [{"field": "colour", "value": 1}]}, status=400)["error"]
    assert (
        "~"
        in api("projects.list", {**body, "filter": [{"field": "id", "operator": "~", "value": 1}]}, status=400)["error"]
    )


def test_a_taken_name_is_a_400_as_clients_expect(api, dataset):
    api("projects.add", {"workspaceId": 1, "name": "made"}, status=400)
    api("datasets.add", {"projectId": dataset["project"], "name": "ds"}, status=400)


# ---------------------------------------------------------------- projects and images


def test_a_project_says_sizes_as_text_and_settings_as_an_object(api, dataset):
    project = entity("project", api("projects.info", {"id": dataset["project"]}))

    assert re.fullmatch(r"\d+", project["size"])
    assert (project["settings"], project["imagesCount"], project["datasetsCount"]) == ({}, 2, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", project["createdAt"])
    assert "customData" not in api("datasets.info", {"id": dataset["dataset"]})
    api("projects.info", {"id": 99}, status=404)


def test_meta_comes_back_with_ids_that_stay(api, dataset):
    meta = api("projects.meta", {"id": dataset["project"]})
    ids = {item["title"]: item["id"] for item in meta["classes"]}
    more = {**META, "classes": [*META["classes"][::-1], {"title": "new", "shape": "bitmap", "color": "#000000"}]}
    updated = api("projects.meta.update", {"id": dataset["project"], "meta": more})
    now = {item["title"]: item["id"] for item in updated["classes"]}

    assert all(isinstance(id_, int) for id_ in ids.values())
    assert now == {**ids, "new": now["new"]}
    assert len(set(now.values())) == 3
    for broken in ({"classes": 5}, {"classes": [{"shape": "x"}]}, {"classes": [META["classes"][0]] * 2}):
        api("projects.meta.update", {"id": dataset["project"], "meta": broken}, status=400)


def test_images_are_described_from_their_bytes(api, dataset):
    red, blue = (entity("image", api("images.info", {"id": id_})) for id_ in dataset["images"])

    assert (red["mime"], red["width"], red["height"], red["size"]) == ("image/png", 8, 6, len(png("red")))
    assert (blue["width"], blue["height"], blue["labelsCount"]) == (10, 4, 0)
    assert blue["hash"] == b64(png("blue", (10, 4)))


def test_images_are_listed_by_page_name_and_id(api, dataset):
    body = {"datasetId": dataset["dataset"], "filter": [], "sort": "id", "sort_order": "asc"}
    one = api("images.list", {**body, "per_page": 1, "page": 2, "projectId": None, "recursive": False})

    assert one["entities"][0]["id"] == dataset["images"][1]
    assert (one["total"], one["perPage"], one["pagesCount"]) == (2, 1, 2)
    assert [i["name"] for i in api("images.list", {**body, "filter": by_name("b.png")})["entities"]] == ["b.png"]
    within = [{"field": "id", "operator": "in", "value": [dataset["images"][0], 4711]}]
    assert [i["name"] for i in api("images.list", {**body, "filter": within})["entities"]] == ["r.png"]
    labelled = [{"field": "labelsCount", "operator": ">", "value": 0}]
    assert api("images.list", {**body, "filter": labelled})["total"] == 0
    assert api("images.list", {"projectId": dataset["project"], "datasetId": None})["total"] == 2


@pytest.mark.parametrize("number", ["9" * 5000, "²", "x"])
def test_an_id_that_is_no_number_is_refused_in_a_sentence(api, dataset, number):
    wanted = [{"field": "id", "operator": "=", "value": number}]
    assert "int" in api("images.list", {"datasetId": dataset["dataset"], "filter": wanted}, status=400)["error"]


def test_bytes_come_back_one_by_one_and_many_at_once(api, dataset, site):
    red, blue = png("red"), png("blue", (10, 4))
    single = site.client.post("/public/api/v3/images.download", json={"id": dataset["images"][0]})
    many = site.client.post(
        "/public/api/v3/images.bulk.download", json={"datasetId": dataset["dataset"], "imageIds": dataset["images"]}
    )
    boundary = many.headers["content-type"].partition("boundary=")[2]
    parts = many.content.split(f"--{boundary}".encode())

    assert single.content == red
    assert many.headers["content-type"].startswith("multipart/form-data")
    assert parts[-1] == b"--\r\n"
    for part, id_, data in zip(parts[1:-1], dataset["images"], (red, blue), strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        assert f' name="{id_}"' in head.decode()
        assert body == data + b"\r\n"
    api("images.bulk.download", {"datasetId": dataset["dataset"], "imageIds": [4711]}, status=400)


def test_what_cannot_be_an_image_is_refused_in_a_sentence(api, dataset):
    refused = api("images.bulk.upload", None, files={"0-file": ("0", b"not an image", "image/*")}, status=400)
    assert "not an image" in refused["error"]
    add = {"datasetId": dataset["dataset"]}
    for image, said in (
        ({"title": "x.png", "hash": b64(b"unknown")}, "upload"),
        ({"title": "x.png", "link": "http://elsewhere/x.png"}, "link"),
        ({"title": "../x.png", "hash": b64(png("red"))}, "slash"),
        ({"hash": b64(png("red"))}, "title"),
    ):
        assert said in api("images.bulk.add", {**add, "images": [image]}, status=400)["error"]
    again = {"title": "r.png", "hash": b64(png("red"))}
    assert "r.png" in api("images.bulk.add", {**add, "images": [again]}, status=400)["error"]


# ---------------------------------------------------------------- annotations


OLD: dict[str, Any] = {
    "description": "",
    "size": {"height": 6, "width": 8},
    "tags": ["train"],
    "objects": [
        {"classTitle": "box", "description": "", "tags": [], "points": {"exterior": [[2, 1], [5, 4]], "interior": []}},
        {"classTitle": "leaf", "tags": [], "points": {"exterior": [[0, 0], [7, 0], [7, 5]], "interior": []}},
    ],
}


def add(api, dataset, annotation, **marker):
    one = {"imageId": dataset["images"][0], "annotation": annotation}
    return api("annotations.bulk.add", {"datasetId": dataset["dataset"], "annotations": [one], **marker})


def info(api, dataset, **marker):
    body = {"datasetId": dataset["dataset"], "imageIds": dataset["images"], **marker}
    return [entity("annotation", item) for item in api("annotations.bulk.info", body)]


def test_a_2019_annotation_stays_in_pixels_and_gains_its_geometry(api, dataset):
    add(api, dataset, OLD)
    first, second = info(api, dataset)

    assert [o["points"] for o in first["annotation"]["objects"]] == [o["points"] for o in OLD["objects"]]
    assert [o["geometryType"] for o in first["annotation"]["objects"]] == ["rectangle", "polygon"]
    assert second["annotation"] == {"description": "", "size": {"height": 4, "width": 10}, "tags": [], "objects": []}
    assert api("images.info", {"id": dataset["images"][0]})["labelsCount"] == 2


def test_generations_mix_without_moving_a_shape(api, dataset):
    add(api, dataset, OLD)
    wire = info(api, dataset, integerCoords=False)[0]["annotation"]
    assert wire["objects"][0]["points"]["exterior"] == [[2, 1], [6, 5]]
    assert wire["objects"][1]["points"]["exterior"] == [[0.5, 0.5], [7.5, 0.5], [7.5, 5.5]]

    add(api, dataset, wire, skipBoundsValidation=False)
    assert [o["points"] for o in info(api, dataset)[0]["annotation"]["objects"]] == [
        o["points"] for o in OLD["objects"]
    ]
    assert info(api, dataset, integerCoords=True)[0]["annotation"] == info(api, dataset)[0]["annotation"]
    one = api("annotations.info", {"imageId": dataset["images"][0], "integerCoords": False})
    assert one["annotation"] == wire
    listed = api("annotations.list", {"datasetId": dataset["dataset"], "filter": []})
    assert listed["entities"][0]["annotation"]["objects"][0]["points"]["exterior"] == [[2, 1], [5, 4]]


@pytest.mark.parametrize(
    "broken",
    [
        {"objects": 5},
        {"objects": [{"classTitle": "box", "points": {"exterior": [["a", 1], [2, 3]], "interior": []}}]},
        {"objects": [{"classTitle": "leaf", "points": {"exterior": [[1]], "interior": []}}]},
        {"objects": ["text"]},
        {"objects": [{"nodes": {"a": {}}}]},
        {"tags": None},
    ],
)
def test_a_broken_annotation_is_refused_whole(api, dataset, broken):
    one = {"imageId": dataset["images"][0], "annotation": broken}
    body = {"datasetId": dataset["dataset"], "annotations": [one], "skipBoundsValidation": True}
    refused = api("annotations.bulk.add", body, status=400)

    assert "r.png" in refused["error"]
    assert info(api, dataset)[0]["annotation"]["objects"] == []


def test_annotations_that_an_older_version_has_stored_broken_are_given_as_they_are(api, site):
    texts = {"a.png": annotation(HOSTILE, ["x", 3, None]), "b.png": "[]", "c.png": "{nope", "d.png": ""}
    project = add_project(site.store, site.artifacts, "Hostile", {"ds": texts})
    (ds,) = site.store.datasets.list(project.id)
    listed = api("annotations.list", {"datasetId": ds.id})["entities"]
    images = [item["imageId"] for item in listed]
    moved = api("annotations.bulk.info", {"datasetId": ds.id, "imageIds": images, "integerCoords": False})

    labels = [label for label in HOSTILE if isinstance(label, dict)]
    assert [len(item["annotation"]["objects"]) for item in listed] == [len(labels), 0, 0, 0]
    assert [len(item["annotation"]["objects"]) for item in moved] == [len(labels), 0, 0, 0]
    unreadable = {"exterior": [["a", 0], [1], None], "interior": []}
    assert unreadable in [label.get("points") for label in moved[0]["annotation"]["objects"]]
    assert moved[0]["annotation"]["objects"][-1]["points"]["exterior"] == [[-50, 40], [501, 56]]


# ---------------------------------------------------------------- models


def test_a_model_has_every_field_and_downloads_as_its_tar(api, site):
    (model,) = api("models.list", {"workspaceId": 1, "filter": by_name("unet start weights")})["entities"]
    answer = site.client.post("/public/api/v3/models.download", json={"id": model["id"]})

    assert entity("model", api("models.info", {"id": model["id"]})) == model
    assert (model["size"], model["weightsLocation"]) == (str(len(answer.content)), "uploaded")
    assert (model["onlyTrain"], model["taskId"], model["pluginId"]) == (False, None, site.library.plugin_id)
    assert hashlib.sha256(answer.content).hexdigest() == model["hash"]
    api("models.info", {"id": 99}, status=404)


def test_a_result_of_a_task_is_uploaded_under_its_name(api, site):
    story = start(site.store, new_task(site.store, site.library, "fruit net"))
    made = api("models.hash.create", {"taskId": story.task_id})
    again = api("models.hash.create", {"taskId": story.task_id})
    data = state_tar(["apple"], 3)
    files = {"hash": (None, made["hash"]), "weights": ("x.tar", data, "application/x-tar")}
    api("models.upload", None, files=files)
    (model,) = api("models.list", {"workspaceId": 1, "filter": by_name("fruit net")})["entities"]

    assert made["hash"] != again["hash"]
    assert isinstance(made["id"], int)
    assert (model["taskId"], model["pluginId"], model["onlyTrain"]) == (story.task_id, site.library.plugin_id, False)
    assert model["config"]["classes"][0]["title"] == "apple"
    for wrong in ("unknown", made["hash"] + "x", "1/00/00.tar", "é"):
        files = {"hash": (None, wrong), "weights": ("x.tar", data, "application/x-tar")}
        assert "hash" in api("models.upload", None, files=files, status=400)["error"]
    api("models.upload", None, files={"hash": (None, made["hash"])}, status=400)
    bad = {
        "hash": (None, made["hash"]),
        "weights": ("x.tar", tar_bytes(**{"d/config.json": b"{}"}), "application/x-tar"),
    }
    assert "config.json" in api("models.upload", None, files=bad, status=400)["error"]
    api("models.hash.create", {"taskId": 99}, status=404)


def test_a_model_for_transfer_learning_only_is_refused_for_inference(api, site):
    blob = site.artifacts.put_bytes(state_tar(["a"], 9))
    model = site.store.models.add(NewModel("start only", blob.sha256, blob.size_bytes, {}, only_train=True))
    config: dict[str, object] = {}
    run = {"agentId": 1, "pluginId": 1, "version": None, "config": config, "projects": [1], "models": [model.id]}

    refused = api("tasks.run.plugin", {**run, "taskType": "inference", "name": "p"}, status=400)
    assert "transfer learning only" in refused["error"]
    assert api("tasks.run.plugin", {**run, "taskType": "train", "name": "n"})["taskId"]


# ---------------------------------------------------------------- tasks


def test_run_plugin_queues_with_the_config_word_for_word(api, site):
    run = {
        "taskType": "train",
        "agentId": 1,
        "pluginId": None,
        "version": None,
        "config": {"z": 1.0, "a": [1]},
        "projects": [1],
        "models": [1],
        "name": "result net",
    }
    id_ = api("tasks.run.plugin", run)["taskId"]
    task = site.store.tasks.get(id_)

    assert (task.status, task.name) == (TaskStatus.QUEUED, "result net")
    assert json.dumps(dict(task.config)) == '{"z": 1.0, "a": [1]}'
    assert api("tasks.info", {"id": id_})["status"] == "queued"
    assert api("tasks.list", {"workspaceId": 1, "filter": []})["entities"][0]["id"] == id_
    assert api("GetTaskContext", {"id": id_})["workspace"] == {"id": 1, "name": "local"}
    assert api("tasks.stop", {"id": id_}) == {"status": "stopped"}
    assert "smarttool" in api("tasks.run.plugin", {**run, "taskType": "smarttool"}, status=400)["error"]
    assert "exactly one" in api("tasks.run.plugin", {**run, "projects": [1, 1]}, status=400)["error"]
    api("tasks.info", {"id": 99}, status=404)


def test_training_metrics_are_the_lines_printed(api, site):
    story = start(site.store, new_task(site.store, site.library, "fruit"))
    assert api("tasks.train-metrics", {"taskId": story.task_id}) == []
    train(story, site.artifacts, epochs=1, nan_at=2)
    finish(story)
    points = api("tasks.train-metrics", {"taskId": story.task_id})
    model = site.store.models.list(limit=1)[0]

    assert len(points) == 30 + 2
    assert points[0]["type"] == "train"
    assert set(points[0]["metrics"]) == {"loss", "lr"}
    assert points[1]["metrics"]["loss"] is None
    assert [p["epoch"] for p in points if p["type"] == "val"] == [0.5, 1.0]
    assert model.provenance == Provenance(
        task_id=story.task_id, checkpoint_index=0, is_best=True, optional=model.provenance.optional
    )
    assert api("tasks.train-metrics", {"modelId": model.id}) == points
    api("tasks.train-metrics", {"taskId": 99}, status=404)
    api("tasks.train-metrics", {}, status=400)


@pytest.mark.parametrize(("error", "status"), [(StorageFailed("disk on fire"), 400), (StoreBusy("busy"), 503)])
def test_only_temporary_failures_are_answered_with_a_5xx(site, error, status):
    def broken(_request):
        raise error

    site.app.add_route("/public/api/v3/broken", broken, methods=["POST"])
    site.app.router.routes.insert(0, site.app.router.routes.pop())
    answer = site.client.post("/public/api/v3/broken", json={})

    assert answer.status_code == status
    assert answer.json()["error"] == str(error)
    assert error_response(status, "x").status_code == status
