"""Prints a score for each epoch; with an lr below `slow_below` it waits after the first.

`mode`: "fail" ends in an error, "silent" prints no score, "hang" waits at the end.
"""

import json
import math
import os
import time

DATA = "/sly_task_data"
with open(f"{DATA}/task_config.json") as file:
    CONFIG = json.load(file)


def say(kind, **fields):
    print(
        json.dumps({"message": kind.lower(), "event_type": f"EventType.{kind}", "level": "info", **fields}), flush=True
    )


goal = 1 - abs(math.log10(CONFIG["lr"]) + 1) / 5 - (0.1 if CONFIG["opt"]["name"] != "sgd" else 0)
for epoch in range(1, CONFIG["epochs"] + 1):
    if CONFIG["mode"] != "silent":
        say("METRICS", type="val", epoch=epoch, metrics={"score": goal * (1 - 0.5**epoch)})
    if CONFIG["lr"] < CONFIG["slow_below"]:
        time.sleep(600)
if CONFIG["mode"] == "fail":
    raise SystemExit("this plugin was asked to fail")
if CONFIG["mode"] == "hang":
    time.sleep(600)
folder = f"{DATA}/results/00000000"
os.makedirs(folder)
with open(f"{folder}/config.json", "w") as file:
    json.dump({"settings": CONFIG, "classes": [], "class_title_to_idx": {}}, file)
with open(f"{folder}/model.pt", "wb") as weights:
    weights.write(b"weights")
say("CHECKPOINT", id=0, subdir="00000000", sizeb=7, best_now=True, optional=None)
