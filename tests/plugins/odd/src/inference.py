"""Copies the input project to results/ and adds one label to every image; or misbehaves on request."""

import json
import os
import shutil

from odd import RESULTS, TASK, config, say

cfg = config()
name = os.listdir(TASK + "/data")[0]
if cfg.get("behaviour") != "write_nothing":
    shutil.copytree(f"{TASK}/data/{name}", f"{RESULTS}/{name}")
    meta_path = f"{RESULTS}/{name}/meta.json"
    os.chmod(meta_path, 0o644)
    with open(meta_path) as file:
        meta = json.load(file)
    meta["classes"].append({"title": "seen", "shape": "rectangle", "color": "#FF0000", "geometry_config": {}})
    with open(meta_path, "w") as file:
        json.dump(meta, file)
    for place, _, files in os.walk(f"{RESULTS}/{name}"):
        for ann in files if os.path.basename(place) == "ann" else ():
            path = os.path.join(place, ann)
            os.chmod(path, 0o644)
            with open(path) as file:
                data = json.load(file)
            box = {
                "classTitle": "seen",
                "tags": [],
                "description": "",
                "points": {"exterior": [[0, 0], [1, 1]], "interior": []},
            }
            data["objects"].append(box)
            with open(path, "w") as file:
                json.dump(data, file)
    if cfg.get("behaviour") == "break":
        os.remove(meta_path)
    if cfg.get("behaviour") != "silent":
        say("MODEL_APPLIED", "model applied")
