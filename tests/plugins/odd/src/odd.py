"""Code of both entry points: the task folder, and lines in the form of the official SDK."""

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
    """Write and report a checkpoint, and delete its folder immediately, as a plugin may do.

    Only under an agent that is root: no other is asked before that (docs/reference/engines.md).
    """
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
    if agents_user() == 0:
        shutil.rmtree(folder)


def agents_user():
    """The owner of the task folder, as the machine numbers its users."""
    inside = os.stat(TASK).st_uid
    with open("/proc/self/uid_map") as file:
        for first, outside, count in (map(int, line.split()) for line in file):
            if first <= inside < first + count:
                return outside + inside - first
    return inside
