"""What both entry points share: the task folder, and lines as the official SDK writes them."""

import json
import os
import shutil
import sys

TASK = "/sly_task_data"
RESULTS = TASK + "/results"


def config():
    with open(TASK + "/task_config.json") as file:
        return json.load(file)


def say(kind, message, **fields):
    line = {"message": message, "event_type": "EventType." + kind, **fields}
    print(json.dumps({**line, "timestamp": "2026-01-01T00:00:00.000Z", "level": "info"}), file=sys.stderr, flush=True)


def metrics(kind, epoch, **values):
    say("METRICS", "metrics", type=kind, epoch=epoch, metrics=values)


def checkpoint(index, weights, subdir=None, best=False):
    """Write, report, and, as a plugin may, delete the folder the next moment."""
    folder = f"{RESULTS}/{index:08d}"
    os.makedirs(folder)
    state = {"settings": config(), "classes": [], "class_title_to_idx": {}}
    with open(folder + "/config.json", "w") as file:
        json.dump(state, file)
    with open(folder + "/model.pt", "wb") as file:
        file.write(weights)
    say(
        "CHECKPOINT",
        "checkpoint",
        id=index,
        subdir=subdir or f"{index:08d}",
        sizeb=len(weights),
        best_now=best,
        optional={"epoch": index + 1.0},
    )
    shutil.rmtree(folder)
