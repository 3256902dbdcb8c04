"""The last official client with the neural-network API: deploys a model and asks it.

Run by an interpreter that has that package: `client_deployed.py ADDRESS TOKEN FOLDER IMAGES MODES`. The installation
has the plugin that finds a thing by its pixels, and the models `start` and `start only`. IMAGES is a dataset's folder,
MODES is JSON: each image is asked about in each of these modes. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import requests
import supervisely as sly


def refused(call: Any, *arguments: Any) -> list[Any]:
    try:
        call(*arguments)
    except requests.HTTPError as error:
        return [error.response.status_code, error.response.json()["error"]]
    return []


def in_each_mode(api: Any, model_id: int, dataset: Path, modes: list[Any]) -> list[dict[str, Any]]:
    """By mode: the answer about each image, by its name; with what is known of it."""
    meta = json.loads((dataset.parent / "meta.json").read_text())
    found: list[dict[str, Any]] = [{} for _ in modes]
    for path in sorted((dataset / "img").iterdir()):
        known = json.loads((dataset / "ann" / f"{path.name}.json").read_text())
        for i, mode in enumerate(modes):
            found[i][path.name] = api.model.inference(model_id, sly.image.read(str(path)), known, meta, mode, ".png")
    return found


def main() -> None:
    address, token, place, images, modes = sys.argv[1:]
    Path(place).mkdir(parents=True)
    api = sly.Api(address, token)
    workspace = api.workspace.get_list(api.team.get_list()[0].id)[0].id
    agent = next(a for a in api.agent.get_list(1) if a.status == api.agent.Status.RUNNING.value)
    start, only = (api.model.get_info_by_name(workspace, name) for name in ("start", "start only"))
    pixels = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)

    before = [api.model.get_deploy_tasks(start.id), refused(api.model.inference, start.id, pixels)]
    task_id = api.task.deploy_model(agent.id, start.id)
    again = api.task.deploy_model_async(agent.id, start.id)

    project = api.project.create(workspace, "pictures")
    dataset = api.dataset.create(project.id, "ds")
    image = api.image.upload_np(dataset.id, "a.png", pixels)
    meta = api.model.get_output_meta(start.id)
    answers = [
        api.model.inference(start.id, pixels, ext=".png"),
        api.model.inference_remote_image(start.id, image.hash),
    ]
    annotations = [sly.Annotation.from_json(one, sly.ProjectMeta.from_json(meta)) for one in answers]
    known = sly.ProjectMeta([sly.ObjClass("leaf", sly.Rectangle)])
    label = sly.Label(sly.Rectangle(1, 1, 2, 2), known.get_obj_class("leaf"))
    mode = {"name": "full_image", "model_classes": {"add_suffix": "_seen", "save_classes": "__all__"}}
    beside = api.model.inference(
        start.id, pixels, sly.Annotation((6, 9), [label]).to_json(), known.to_json(), mode, ".png"
    )
    found = {
        "before": before,
        "task": [task_id == again, api.model.get_deploy_tasks(start.id) == [task_id]],
        "status": api.task.get_status(task_id).value,
        "meta": [one["title"] for one in meta["classes"]],
        "labels": [
            [[one.obj_class.name, one.geometry.to_json()["points"]["exterior"]] for one in annotation.labels]
            for annotation in annotations
        ],
        "sizes": [list(annotation.img_size) for annotation in annotations],
        "beside": sorted(one["classTitle"] for one in beside["objects"]),
        "of mode": [c["title"] for c in api.model.get_output_meta(start.id, known.to_json(), mode)["classes"]],
        "wrong mode": refused(api.model.inference, start.id, pixels, None, None, {"name": "sideways"}),
        "no image": refused(api.model.inference_remote_image, start.id, "A" * 43 + "="),
        "only": refused(api.task.deploy_model_async, agent.id, only.id),
    }
    found["modes"] = in_each_mode(api, start.id, Path(images), json.loads(modes))
    found["stopping"] = api.task.stop(task_id).value
    api.task.wait(task_id, api.task.Status.STOPPED)
    found["after"] = [api.model.get_deploy_tasks(start.id), refused(api.model.get_output_meta, start.id)]
    print(json.dumps(found))


main()
