"""The last official client with the neural-network API: trains, applies, stops and fetches models over the API.

Run by an interpreter that has that package: `client_nn.py ADDRESS TOKEN FOLDER`. The installation has the odd
plugin and the models `start` and `start only` (for transfer learning only). Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import requests
import supervisely as sly


def project(folder: Path) -> Path:
    meta = sly.ProjectMeta(
        sly.ObjClassCollection([sly.ObjClass("leaf", sly.Rectangle)]),
        sly.TagMetaCollection([sly.TagMeta("train", sly.TagValueType.NONE), sly.TagMeta("val", sly.TagValueType.NONE)]),
    )
    made = sly.Project(str(folder), sly.OpenMode.CREATE)
    made.set_meta(meta)
    dataset = made.create_dataset("ds")
    tags = sly.TagCollection([sly.Tag(meta.get_tag_meta(name)) for name in ("train", "val")])
    for index in range(3):
        label = sly.Label(sly.Rectangle(1, 2, 4, 5 + index), meta.get_obj_class("leaf"))
        ann = sly.Annotation((6, 9), labels=[label], img_tags=tags)
        dataset.add_item_np(f"{index}.png", np.full((6, 9, 3), index * 20, np.uint8), ann=ann)
    return folder


def wait_for(api: sly.Api, task_id: int, status: str) -> str:
    for _ in range(600):
        if (now := api.task.get_status(task_id).value) == status:
            break
        time.sleep(0.1)
    return now


def refused(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except requests.HTTPError as error:
        return f"{error.response.status_code} {error.response.json()['error']}"
    return "not refused"


def main() -> None:
    address, token, place = sys.argv[1:]
    folder = Path(place)
    api = sly.Api(address, token)
    team = api.team.get_list()[0]
    workspace = api.workspace.get_list(team.id)[0].id
    agents = [agent for agent in api.agent.get_list(team.id) if agent.status == api.agent.Status.RUNNING.value]
    agent = agents[0]
    same = api.agent.get_info_by_id(agent.id)  # its times are those of its last sign of life
    assert (same.id, same.name, same.status) == (agent.id, agent.name, agent.status)
    plugins = api.plugin.get_list(team.id)
    plugin = api.plugin.get_info_by_id(team.id, plugins[0].id)
    start = api.model.get_info_by_name(workspace, "start")
    assert api.model.get_info_by_id(start.id) == start
    project_id, _ = sly.upload_project(str(project(folder / "fruit")), api, workspace, "fruit", log_progress=False)

    trained_by = api.task.run_train(agent.id, project_id, start.id, "trained", {"epochs": 3, "points": 20})
    api.task.wait(trained_by, api.task.Status.FINISHED)
    metrics = api.task.get_training_metrics(trained_by)
    trained = api.model.get_info_by_name(workspace, "trained")
    api.model.download_to_tar(workspace, "trained", str(folder / "trained.tar"))
    unpacked = Path(api.model.download_to_dir(workspace, "trained", str(folder)))
    checkpoints = api.task.list_checkpoints(trained_by)
    first = api.model.create_from_checkpoint(trained_by, checkpoints[0]["id"], "first state")

    reserved = api.model.generate_hash(trained_by)
    unseen = api.model.get_info_by_id(reserved["id"])
    api.model.upload(reserved["hash"], str(folder / "trained.tar"))
    uploaded = api.model.get_info_by_id(reserved["id"])
    api.model.download_to_tar(workspace, uploaded.name, str(folder / "again.tar"))

    applied_by = api.task.run_inference(agent.id, project_id, trained.id, "predictions")
    api.task.wait(applied_by, api.task.Status.FINISHED)
    predictions = api.project.get_info_by_name(workspace, "predictions")
    sly.download_project(api, predictions.id, str(folder / "predictions"), log_progress=False)
    seen = sly.Project(str(folder / "predictions"), sly.OpenMode.READ)
    dataset = next(iter(seen.datasets))
    labels = [label for item in dataset for label in dataset.get_ann(item, seen.meta).labels]

    sleeping = api.task.run_train(agent.id, project_id, start.id, "never", {"behaviour": "sleep"})
    started = wait_for(api, sleeping, "started")
    while not api.task.get_training_metrics(sleeping):  # the plugin is awake, not only its task
        time.sleep(0.1)
    stopping = api.task.stop(sleeping).value
    stopped = wait_for(api, sleeping, "stopped")

    failing = api.task.run_train(agent.id, project_id, start.id, "broken", {"behaviour": "leave"})
    try:
        api.task.wait(failing, api.task.Status.FINISHED)
        failure = "none"
    except Exception as error:  # its class differs from version to version
        failure = str(error)
    only_train = api.model.get_info_by_name(workspace, "start only")

    found = {
        "agent": [agent.status, agent.team_id == team.id],
        "plugin": [plugin.name, plugin.versions, plugin.default_version, plugin.docker_image, plugin.type],
        "metrics": [len(metrics), metrics[0], metrics[-1]],
        "trained": trained._asdict(),
        "started from": start.id,
        "plugin id": plugin.id,
        "task": trained_by,
        "tar": (folder / "trained.tar").stat().st_size,
        "files": sorted(path.name for path in unpacked.iterdir()),
        "weights": (unpacked / "model.pt").read_text(),
        "of the task": sorted(m.name for m in api.model.get_list(workspace) if m.task_id == trained_by),
        "checkpoints": [bool(one["modelId"]) for one in checkpoints],
        "first state": first,
        "before the upload": unseen,
        "uploaded": [uploaded.name, uploaded.hash == reserved["hash"], uploaded.plugin_id, uploaded.only_train],
        "same bytes": (folder / "again.tar").read_bytes() == (folder / "trained.tar").read_bytes(),
        "predictions": sorted(
            [label.obj_class.name, *label.geometry.to_json()["points"]["exterior"]] for label in labels
        ),
        "stop": [started, stopping in ("terminating", "stopped"), stopped],
        "failure": failure,
        "only train": [
            only_train.only_train,
            refused(api.task.run_inference, agent.id, project_id, only_train.id, "x"),
        ],
        "context": [api.task.get_context(trained_by)["workspace"]["id"] == workspace],
        "tasks": {task["id"]: task["status"] for task in api.task.get_list(workspace)},
        "no metrics": api.task.get_training_metrics(10**6),
        "in use": refused(api.model.remove, start.id),
    }
    api.model.remove(uploaded.id)
    found["removed"] = api.model.get_info_by_id(uploaded.id)
    print(json.dumps(found, default=str))


main()
